"""The REST integrations that flows name.

Rules:
- Nothing is asked but what lies under the integration's base URL.
- A call never raises and never outlives its `timeout_ms`.
- What only reads is tried once more after a broken connection. What changes the world is sent
  once; where its fate is in doubt, the integration is asked for it by the idempotency key.
- An answer is JSON of 1 MiB at most; a redirect is not followed.

The header is that of draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

import httpx
import structlog

from ivr.dialogue.actions import CallApi
from ivr.dialogue.inputs import ApiReplied
from ivr.errors import IvrError

MAX_BYTES = 1 << 20
"""Largest answer, in bytes."""

UNREACHABLE = "unreachable"
"""Nothing was sent: there was no connection."""
NOT_DONE = "not_done"
"""The change was sent, no answer came, and the integration, asked, does not know of it. It may
still be under way."""
UNKNOWN = "unknown"
"""The change was sent, and nobody could say what became of it."""

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_PCHAR = r"A-Za-z0-9._~!$&'()*+,;=:@%-"
_PATH = re.compile(rf"(?:/[{_PCHAR}]*)+(?:\?[{_PCHAR}/?]*)?")
"""RFC 3986 section 3.3 and 3.4, in ASCII, without a fragment."""
_MAX_PATH = 2000
_KEY = re.compile(r"[A-Za-z0-9._~-]{1,200}")
_ASK_SHARE, _ASK_MOST_S = 0.3, 1.0
"""How much of the time is put by for asking what became of a change."""

_log = structlog.get_logger(__name__)


class IntegrationHub:
    """Asks integrations; `base_urls` says where each is, e.g. {"bank": "http://10.0.0.5:9070"}.

    Belongs to one event loop. Raises IvrError where a base URL is none. `transport`: instead of
    the network, for integrations in the same process.
    """

    def __init__(
        self, base_urls: Mapping[str, str], *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._bases = {name: _base(name, url) for name, url in base_urls.items()}
        self._client = httpx.AsyncClient(
            transport=transport,
            timeout=None,  # noqa: S113 - each call has a deadline of its own over everything
            follow_redirects=False,
            trust_env=False,
            # A connection kept open may be closed by the other side just when a change is sent,
            # and then nobody knows whether it was done.
            limits=httpx.Limits(max_keepalive_connections=0),
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        )

    async def call(self, action: CallApi) -> ApiReplied:
        """Do what `action` asks, within its `timeout_ms`. Never raises.

        `error` is "" where `ok`, else what the integration says in its JSON "error", one of the
        words above, or a sentence for the log. `status` 0 says that no answer came, or none
        that can be understood.
        """
        try:
            return await self._call(action)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller is on the line
            _log.exception("integration_failed", name=action.name)
            return _failed(action, f"{type(error).__name__}")

    async def _call(self, action: CallApi) -> ApiReplied:
        base = self._bases.get(action.name)
        if base is None:
            return _failed(action, f"there is no integration {action.name!r} in the settings")
        wrong = _refusal(action)
        if wrong:
            return _failed(action, wrong)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + action.timeout_ms / 1000
        key = action.idempotency_key
        if key is None:
            tries = 2 if action.method == "GET" else 1
            return await self._ask(action, base + action.path, deadline, tries=tries)
        budget_s = action.timeout_ms / 1000
        reply = await self._ask(
            action, base + action.path, deadline - min(_ASK_SHARE * budget_s, _ASK_MOST_S)
        )
        if _settled(reply) or reply.error == UNREACHABLE:
            return reply
        return await self._fate(action, f"{base}{action.path.partition('?')[0]}/{key}", deadline)

    async def _fate(self, action: CallApi, url: str, deadline: float) -> ApiReplied:
        question = CallApi(
            request_id=action.request_id, name=action.name, method="GET", path=action.path
        )
        reply = await self._ask(question, url, deadline)
        _log.info("integration_asked_again", name=action.name, status=reply.status)
        if reply.ok:
            return reply
        return _failed(action, NOT_DONE if reply.status == 404 else UNKNOWN)

    async def _ask(
        self, action: CallApi, url: str, deadline: float, *, tries: int = 1
    ) -> ApiReplied:
        try:
            async with asyncio.timeout_at(deadline):
                while True:
                    tries -= 1
                    try:
                        return await self._once(action, url)
                    except httpx.ConnectError:
                        if not tries:
                            return _failed(action, UNREACHABLE)
                    except httpx.TransportError as error:
                        if not tries:
                            why = f"the connection broke: {type(error).__name__}"
                            return _failed(action, why)
        except TimeoutError:
            return _failed(action, "no answer in time")

    async def _once(self, action: CallApi, url: str) -> ApiReplied:
        headers = {}
        if action.idempotency_key is not None:
            headers["Idempotency-Key"] = action.idempotency_key
        body = None if action.body is None else dict(action.body)
        async with self._client.stream(action.method, url, json=body, headers=headers) as response:
            status = response.status_code
            if response.headers.get("content-encoding", "identity") != "identity":
                return _failed(action, "the answer is compressed", status)
            content = b""
            async for chunk in response.aiter_raw():
                content += chunk
                if len(content) > MAX_BYTES:
                    return _failed(action, f"the answer is longer than {MAX_BYTES} bytes", status)
        return _reply(action, status, response.headers.get("content-type", ""), content)

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.aclose()


def _base(name: str, url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError, ValueError):
        parsed = httpx.URL("")
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.query or parsed.fragment:
        raise IvrError(
            f"The base URL of integration {name!r} cannot be used.",
            remedy='Set IVR_INTEGRATIONS like {"bank": "http://127.0.0.1:9070"}.',
        )
    return url.rstrip("/")


def _refusal(action: CallApi) -> str:
    """Why the request is not made; "" where nothing is against it."""
    if action.method not in _METHODS:
        return f"method {action.method!r} is not allowed"
    if action.idempotency_key is not None and not _KEY.fullmatch(action.idempotency_key):
        return "the idempotency key is not a plain word"
    path, _, query = action.path.partition("?")
    plain = len(action.path) <= _MAX_PATH and _PATH.fullmatch(action.path) and "//" not in path
    if not plain or not all(_harmless(part) for part in path.split("/")):
        return "the path leaves the integration"
    if any(code < 0x20 or code == 0x7F for code in unquote_to_bytes(query)):
        return "the query holds control characters"
    return ""


def _harmless(segment: str) -> bool:
    """Whether a segment stays one segment however often a server decodes it."""
    for _ in range(3):
        decoded = unquote_to_bytes(segment)
        if decoded in (b".", b"..") or any(
            byte in b"/\\" or byte < 0x20 or byte == 0x7F for byte in decoded
        ):
            return False
        segment = decoded.decode("latin-1")
    return True


def _reply(action: CallApi, status: int, kind: str, content: bytes) -> ApiReplied:
    ok = 200 <= status < 300
    data: Any = None
    if content:
        kind = kind.partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            return _failed(action, "the answer is not JSON", status)
        try:
            data = json.loads(content)
        except (ValueError, RecursionError):
            return _failed(action, "the answer is not the JSON it says it is", status)
    if ok:
        return ApiReplied(request_id=action.request_id, ok=True, status=status, data=data)
    said = data.get("error") if isinstance(data, dict) else None
    error = said if isinstance(said, str) and said else f"HTTP status {status}"
    return _failed(action, error[:200], status, data)


def _settled(reply: ApiReplied) -> bool:
    """Whether the answer says what became of a change."""
    refused = 400 <= reply.status < 500 and reply.status not in (408, 429)
    return reply.ok or refused


def _failed(action: CallApi, error: str, status: int = 0, data: Any = None) -> ApiReplied:
    return ApiReplied(request_id=action.request_id, ok=False, status=status, data=data, error=error)
