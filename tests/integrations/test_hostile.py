"""The hub against servers that want to harm it, or are in trouble: always a clear outcome within
the time there is."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from ivr.dialogue.actions import CallApi
from ivr.integrations.hub import NO_TOKEN, UNREACHABLE
from tests.integrations.asking import SECRET, asked, get, hub_to, post
from tests.integrations.hostile import Hostile, answer, hostile, silence


async def endless_header(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX: ")
    while not writer.is_closing():
        writer.write(b"x" * 65536)
        await writer.drain()


async def endless_body(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"[" * 65536)
        await writer.drain()


async def half(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()


@pytest.mark.parametrize(
    "bad",
    [
        endless_header,
        endless_body,
        silence,
        half,
        b"",
        b"\x00\xff\xfe",
        b"HTTP/1.1 banana\r\n\r\n",
        answer(200, b"{", "Content-Encoding: gzip"),
        answer(200, b"\xff\xfe"),
        answer(200, b"not json"),
        answer(301, b"{}", "Location: http://169.254.169.254/"),
        answer(307, b"{}", "Location: http://127.0.0.1:1/"),
        answer(200, b'{"a": 1}', "Content-Length: 7"),
        answer(204, b""),
    ],
    ids=lambda bad: bad.__name__ if callable(bad) else str(bad[:40]),
)
@pytest.mark.parametrize("action", [get(timeout_ms=500), post(timeout_ms=500)], ids=["get", "post"])
async def test_whatever_is_answered_there_is_an_outcome_in_time(bad: Any, action: CallApi) -> None:
    async with hostile(bad) as server:
        reply = await asked(server, action)
        assert reply.request_id == "r"
        assert reply.ok == (reply.status == 204)
        assert bool(reply.error) != reply.ok
        sent = [one.line.split()[0] for one in server.asked]
        assert sent.count("POST") <= 1
        assert sent.count("GET") <= (3 if action.method == "GET" else 1)


async def test_a_redirect_is_never_followed() -> None:
    async with hostile(answer(200)) as other:
        away = answer(302, b"{}", f"Location: {other.url}/accounts/1")
        async with hostile(away) as server:
            reply = await asked(server, get())
        assert (reply.ok, reply.status) == (False, 302)
        assert other.asked == []


async def test_not_now_is_tried_again_when_it_asks_for_that() -> None:
    soon = answer(429, b"{}", "Retry-After: 1")
    async with hostile(soon, answer(200, b'{"a": 1}')) as server:
        began = time.monotonic()
        reply = await asked(server, get(timeout_ms=3000))
        assert time.monotonic() - began >= 1
        assert (reply.ok, reply.data) == (True, {"a": 1})


async def test_not_now_for_longer_than_there_is_time_is_an_answer() -> None:
    async with hostile(answer(429, b"{}", "Retry-After: 60")) as server:
        reply = await asked(server, get(timeout_ms=1000))
        assert (reply.ok, reply.status, len(server.asked)) == (False, 429, 1)


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_a_read_is_tried_again_where_it_may_be_better(status: int) -> None:
    async with hostile(answer(status), answer(status), answer(200)) as server:
        assert (await asked(server, get())).ok
        assert len(server.asked) == 3


@pytest.mark.parametrize("status", [400, 404, 500])
async def test_a_read_that_was_answered_is_not_tried_again(status: int) -> None:
    async with hostile(answer(status)) as server:
        assert (await asked(server, get())).status == status
        assert len(server.asked) == 1


async def test_a_change_is_never_sent_twice_whatever_is_answered() -> None:
    async with hostile(answer(503), answer(404)) as server:
        reply = await asked(server, post())
        assert [one.line.split()[0] for one in server.asked] == ["POST", "GET"]
        assert reply.error == "not_done"


# Who we are.


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"kind": "bearer", "token": "env:BANK_SECRET"}, "authorization", f"Bearer {SECRET}"),
        ({"kind": "api_key", "key": "env:BANK_SECRET"}, "x-api-key", SECRET),
        ({"kind": "api_key", "key": "env:BANK_SECRET", "header": "X-Key"}, "x-key", SECRET),
    ],
)
async def test_we_say_who_we_are(
    auth: dict[str, str], header: str, value: str, known_secret: str
) -> None:
    async with hostile(answer(200)) as server:
        assert (await asked(server, get(), auth=auth)).ok
        assert server.asked[0].headers[header] == value


def oauth(server: Hostile) -> dict[str, Any]:
    return {
        "auth": {
            "kind": "client_credentials",
            "token_url": f"{server.url}/token",
            "client_id": "ivr",
            "client_secret": "env:BANK_SECRET",
            "scope": "accounts",
        }
    }


TOKEN = answer(200, b'{"access_token": "t1", "expires_in": 3600}')


async def test_a_token_is_asked_for_once_and_used_again(known_secret: str) -> None:
    async with hostile(TOKEN) as tokens, hostile(answer(200)) as server:
        async with hub_to(server.url, **oauth(tokens)) as hub:
            await asyncio.gather(*(hub.call(get()) for _ in range(5)))
        assert len(tokens.asked) == 1
        assert tokens.asked[0].line.startswith("POST /token")
        assert b"grant_type=client_credentials" in tokens.asked[0].body
        assert SECRET.encode() not in tokens.asked[0].body
        assert {one.headers["authorization"] for one in server.asked} == {"Bearer t1"}


async def test_a_token_that_is_refused_is_replaced_once(known_secret: str) -> None:
    fresh = answer(200, b'{"access_token": "t2", "expires_in": 3600}')
    async with hostile(TOKEN, fresh) as tokens, hostile(answer(401), answer(200)) as server:
        async with hub_to(server.url, **oauth(tokens)) as hub:
            assert (await hub.call(post())).ok
        assert [one.headers["authorization"] for one in server.asked] == ["Bearer t1", "Bearer t2"]


@pytest.mark.parametrize(
    "bad",
    [
        answer(500),
        answer(200, b"{"),
        answer(200, b"[]"),
        answer(200, b'{"access_token": 5}'),
        answer(200, b'{"access_token": "a\\r\\nX: y"}'),
        answer(200, b'{"access_token": ""}'),
        answer(302, b"{}", "Location: http://127.0.0.1:1/"),
    ],
)
async def test_without_a_token_nothing_is_sent(bad: bytes, known_secret: str) -> None:
    async with hostile(bad) as tokens, hostile(answer(200)) as server:
        for action in (get(), post()):
            reply = await asked(server, action, **oauth(tokens))
            assert (reply.ok, reply.status, reply.error) == (False, 0, NO_TOKEN)
        assert server.asked == []


# Certificates.


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl to make a certificate with")
    key, crt = folder / "key.pem", folder / "crt.pem"
    subprocess.run(
        [
            openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            "-keyout", str(key), "-out", str(crt), "-subj", f"/CN={name}",
            "-addext", f"subjectAltName=IP:{name}",
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return key, crt


async def test_a_certificate_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    key, crt = certificate(tmp_path, "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(crt, key)
    async with hostile(answer(200), tls=context) as server:
        refused = await asked(server, get(timeout_ms=2000))
        assert (refused.ok, refused.error) == (False, UNREACHABLE)
        assert server.asked == []
        assert (await asked(server, get(timeout_ms=2000), ca_file=str(crt))).ok


async def test_a_certificate_of_another_name_is_refused(tmp_path: Path) -> None:
    key, crt = certificate(tmp_path, "127.0.0.9")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(crt, key)
    async with hostile(answer(200), tls=context) as server:
        refused = await asked(server, get(timeout_ms=2000), ca_file=str(crt))
        assert (refused.ok, refused.error) == (False, UNREACHABLE)
        assert server.asked == []


# Enough is enough.
