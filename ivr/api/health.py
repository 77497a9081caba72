"""HTTP for machines that watch us: `/live`, `/ready`, `/metrics`.

A server for three GETs: HTTP/1.1 (RFC 9112) with `Connection: close`, requests of 8 KiB at most,
answered within 2 s or dropped. `/live` answers as long as the event loop turns; `/ready` says
503 with the reason while no call should come.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from ivr.errors import IvrError

_LONGEST_REQUEST = 8192
_DEADLINE_S = 2.0
_END = b"\r\n\r\n"

Page = Callable[[], "tuple[HTTPStatus, str, str]"]
"""Answers one path: status, content type, body."""


def json_page(body: Callable[[], tuple[HTTPStatus, Mapping[str, Any]]]) -> Page:
    """Make a page that answers JSON."""

    def page() -> tuple[HTTPStatus, str, str]:
        status, data = body()
        return status, "application/json", json.dumps(data)

    return page


class HealthServer:
    """Serves `pages` (path to page) on `host`:`port`."""

    def __init__(self, host: str, port: int, pages: Mapping[str, Page]) -> None:
        self._host = host
        self._port = port
        self._pages = pages
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port it listens on (also when 0 was asked for)."""
        if self._server is None:
            return self._port
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen. Raises IvrError when the port is in use."""
        try:
            self._server = await asyncio.start_server(
                self._serve, self._host, self._port, limit=_LONGEST_REQUEST
            )
        except OSError as error:
            raise IvrError(
                f"HTTP port {self._port} on {self._host} cannot be opened: {error.strerror}.",
                remedy="Stop what uses it or set IVR_HTTP_PORT.",
            ) from None

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._server.wait_closed(), _DEADLINE_S)
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_DEADLINE_S):
                head = await reader.readuntil(_END)
                writer.write(self._answer(head))
                await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _answer(self, head: bytes) -> bytes:
        parts = head.split(b"\r\n", 1)[0].split(b" ")
        if len(parts) != 3 or parts[0] not in (b"GET", b"HEAD"):
            return _response(HTTPStatus.METHOD_NOT_ALLOWED, "text/plain", "GET only\n")
        path = parts[1].split(b"?", 1)[0].decode("latin-1")
        page = self._pages.get(path)
        if page is None:
            known = " ".join(sorted(self._pages))
            return _response(HTTPStatus.NOT_FOUND, "text/plain", f"try {known}\n")
        answer = _response(*page())
        if parts[0] == b"GET":
            return answer
        return answer[: answer.index(_END) + len(_END)]


def _response(status: HTTPStatus, kind: str, body: str) -> bytes:
    data = body.encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(data)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("latin-1") + data
