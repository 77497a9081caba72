"""`/live`, `/ready` and `/metrics` for machines, some of which misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus

import pytest

from ivr.api.health import HealthServer, json_page
from ivr.errors import IvrError
from ivr.supervision.probe import status_of


@pytest.fixture
async def server() -> AsyncIterator[HealthServer]:
    pages = {
        "/live": json_page(lambda: (HTTPStatus.OK, {"live": True})),
        "/ready": json_page(lambda: (HTTPStatus.SERVICE_UNAVAILABLE, {"reason": "full"})),
        "/text": lambda: (HTTPStatus.OK, "text/plain", "ü" * 50_000),
    }
    server = HealthServer("127.0.0.1", 0, pages)
    await server.start()
    yield server
    await server.stop()


async def ask(server: HealthServer, request: bytes, *, end: bool = False) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(request)
        if end:
            writer.write_eof()
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


async def test_a_page(server: HealthServer) -> None:
    answer = await ask(server, b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n")
    head, body = answer.split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Type: application/json" in head
    assert f"Content-Length: {len(body)}".encode() in head
    assert body == b'{"live": true}'


async def test_a_reason(server: HealthServer) -> None:
    answer = await ask(server, b"GET /ready?why HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert answer.endswith(b'{"reason": "full"}')


async def test_a_long_page_comes_whole(server: HealthServer) -> None:
    answer = await ask(server, b"GET /text HTTP/1.1\r\n\r\n")
    assert answer.split(b"\r\n\r\n")[1].decode() == "ü" * 50_000


async def test_head_has_no_body(server: HealthServer) -> None:
    answer = await ask(server, b"HEAD /live HTTP/1.1\r\n\r\n")
    head, body = answer.split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert b"Content-Length: 14" in head
    assert body == b""


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST /live HTTP/1.1\r\n\r\n", 405),
        (b"GET /nowhere HTTP/1.1\r\n\r\n", 404),
        (b"GET  HTTP/1.1\r\n\r\n", 404),
        (b"\r\n\r\n", 405),
        (b"\x00\xff\x16\x03 nonsense\r\n\r\n", 405),
        (b"GET /\xff HTTP/1.1\r\n\r\n", 404),
    ],
)
async def test_what_is_no_request_for_a_page(
    server: HealthServer, request_: bytes, status: int
) -> None:
    assert (await ask(server, request_)).startswith(f"HTTP/1.1 {status} ".encode())


@pytest.mark.parametrize("request_", [b"", b"GET /live HTTP/1.1\r\n", b"x" * 100_000])
async def test_half_a_request_is_dropped_and_others_are_served(
    server: HealthServer, request_: bytes
) -> None:
    with suppress(ConnectionError):
        assert await ask(server, request_, end=True) == b""
    assert await status_of("127.0.0.1", server.port, "/live", 2.0) == 200


async def test_one_who_says_nothing_is_dropped(server: HealthServer) -> None:
    silent = asyncio.create_task(ask(server, b"GET /live"))
    assert await status_of("127.0.0.1", server.port, "/live", 1.0) == 200
    assert await silent == b""


async def test_a_port_in_use(server: HealthServer) -> None:
    with pytest.raises(IvrError, match="set IVR_HTTP_PORT"):
        await HealthServer("127.0.0.1", server.port, {}).start()


async def test_nobody_answers_a_probe() -> None:
    assert await status_of("127.0.0.1", 1, "/live", 1.0) is None


@asynccontextmanager
async def stranger(answer: bytes | None) -> AsyncIterator[int]:
    """What listens and is no worker: it answers so, or (None) not at all. Yields its port."""
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError):
                if answer is not None:
                    writer.write(answer)
                    writer.write_eof()
                await reader.read()
                writer.close()
                await writer.wait_closed()
        finally:
            gone.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        await gone.wait()


async def test_a_probe_waits_no_longer_than_its_deadline() -> None:
    async with stranger(None) as port:
        began = asyncio.get_running_loop().time()
        assert await status_of("127.0.0.1", port, "/live", 0.2) is None
        assert asyncio.get_running_loop().time() - began < 2


@pytest.mark.parametrize("answer", [b"", b"nonsense", b"HTTP/1.1 many\r\n\r\n", b"\xff" * 200_000])
async def test_a_probe_of_what_is_no_health_page(answer: bytes) -> None:
    async with stranger(answer) as port:
        assert await status_of("127.0.0.1", port, "/live", 2.0) is None
