"""The hub against servers that want to harm it, or are in trouble: always a clear outcome within
the time there is, and nothing secret told."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from ivr.dialogue.actions import CallApi
from ivr.dialogue.inputs import ApiReplied
from ivr.errors import IvrError
from ivr.integrations.breaker import Breaker
from ivr.integrations.hub import NO_TOKEN, RESTING, UNREACHABLE, IntegrationHub
from ivr.integrations.integration import Integration
from ivr.integrations.redaction import redacted
from ivr.integrations.secrets import secret
from tests.integrations.hostile import Hostile, answer, hostile

SLACK_S = 0.25
SECRET = "s3cr3t-of-the-bank"


@asynccontextmanager
async def hub_to(url: str, **settings: Any) -> AsyncIterator[IntegrationHub]:
    settings = {"backoff_ms": 1, **settings}
    hub = IntegrationHub({"bank": Integration.model_validate({"base_url": url, **settings})})
    yield hub
    await hub.close()


def get(path: str = "/accounts/1", **more: Any) -> CallApi:
    return CallApi(request_id="r", name="bank", method="GET", path=path, **more)


def post(**more: Any) -> CallApi:
    body = {"pin": "4711", "to": "447123", "name": "Anna"}
    return CallApi(
        request_id="r",
        name="bank",
        method="POST",
        path="/transfers",
        body=body,
        **{"idempotency_key": "k1", **more},
    )


async def asked(server: Hostile, action: CallApi, **settings: Any) -> ApiReplied:
    async with hub_to(server.url, **settings) as hub:
        began = time.monotonic()
        reply = await hub.call(action)
        assert time.monotonic() - began < action.timeout_ms / 1000 + SLACK_S
        return reply


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


async def silence(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(5)


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


@pytest.fixture
def known_secret(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("BANK_SECRET", SECRET)
    return SECRET


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


async def test_what_fails_again_and_again_is_let_rest() -> None:
    async with (
        hostile(answer(500), answer(500), answer(200)) as server,
        hub_to(server.url, rests_after=2, rests_s=0.2) as hub,
    ):
        assert [(await hub.call(get())).status for _ in range(2)] == [500, 500]
        assert (await hub.call(get())).error == RESTING
        assert (await hub.call(post())).error == RESTING
        assert len(server.asked) == 2
        deadline = time.monotonic() + 2
        while (await hub.call(get())).error == RESTING and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        assert (await hub.call(get())).ok


def test_the_breaker() -> None:
    breaker = Breaker(2, 10)
    breaker.failed(0)
    assert breaker.may_ask(0)
    breaker.failed(1)
    assert not breaker.may_ask(10.9)
    assert breaker.may_ask(11)
    assert not breaker.may_ask(11)
    breaker.failed(12)
    assert not breaker.may_ask(21)
    assert breaker.may_ask(22)
    breaker.let_go()
    assert breaker.may_ask(22)
    breaker.answered()
    breaker.failed(23)
    assert breaker.may_ask(23)


async def test_no_more_at_a_time_than_may_be() -> None:
    async def slow(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        writer.write(answer(200))

    async with hostile(slow) as server:
        async with hub_to(server.url, concurrent=3) as hub:
            replies = await asyncio.gather(*(hub.call(get(timeout_ms=5000)) for _ in range(12)))
        assert all(reply.ok for reply in replies)
        assert server.most_at_once == 3


async def test_no_more_a_second_than_may_be() -> None:
    async with hostile(answer(200)) as server, hub_to(server.url, rate_per_s=20) as hub:
        began = time.monotonic()
        await asyncio.gather(*(hub.call(get(timeout_ms=5000)) for _ in range(6)))
        assert time.monotonic() - began >= 5 / 20


async def test_who_has_no_turn_in_time_is_told_and_blames_nobody() -> None:
    async with hostile(silence) as server, hub_to(server.url, concurrent=1, rests_after=1) as hub:
        first = asyncio.create_task(hub.call(get(timeout_ms=400)))
        await asyncio.sleep(0.05)
        reply = await hub.call(get(timeout_ms=40))
        assert (reply.ok, reply.status) == (False, 0)
        await first


# Nothing secret is told.


async def test_nothing_secret_is_in_an_error_or_a_log(known_secret: str) -> None:
    said = f"no such pin 4711 of {SECRET} for Anna, card 4111 1111 1111 1111".encode()
    body = b'{"error": "' + said + b'"}'
    auth = {"kind": "bearer", "token": "env:BANK_SECRET"}
    with structlog.testing.capture_logs() as logs:
        async with hostile(answer(422, body)) as server:
            reply = await asked(server, post(), auth=auth)
        for text in (reply.error, str(logs), repr(post())):
            for hidden in ("4711", SECRET, "Anna", "4111", "447123"):
                assert hidden not in text
    assert "no such pin" in reply.error


async def test_an_exception_of_ours_tells_nothing_of_what_was_sent(
    known_secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError(f"could not send {SECRET}")

    monkeypatch.setattr("ivr.integrations.hub._Door._ask", broken)
    with structlog.testing.capture_logs() as logs:
        async with hub_to("http://127.0.0.1:1") as hub:
            reply = await hub.call(get())
    assert (reply.ok, reply.error) == (False, "RuntimeError")
    assert logs
    assert SECRET not in str(logs)


def test_redaction() -> None:
    assert redacted("line\none\x00", ()) == "line one "
    assert redacted("a b 12", ["b"]) == "a b 12"
    assert redacted("4111-1111", ()) == "[hidden]"
    assert len(redacted("x" * 999, ())) == 200


# Configurations that cannot be used.


@pytest.mark.parametrize("reference", [SECRET, "env:", "env:NOT_SET_AT_ALL", "file:/no/such/file"])
def test_a_secret_is_referred_to_and_never_told(reference: str) -> None:
    with pytest.raises(IvrError) as caught:
        secret(reference)
    assert SECRET not in str(caught.value)


def test_a_secret_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{SECRET}\n")
    assert secret(f"file:{tmp_path}/token") == SECRET
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(IvrError, match="empty"):
        secret(f"file:{tmp_path}/empty")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "document is wrong"),
        ('{"base_url": "ftp://x"}', "base URL"),
        ('{"base_url": "http://user:pass@x"}', "base URL"),
        ('{"base_url": "http://x", "auth": {"kind": "basic"}}', "auth is wrong"),
        ('{"base_url": "http://x", "retrys": 3}', "retrys is wrong"),
        (
            '{"base_url": "http://x", "auth": {"kind": "client_credentials", "token_url":'
            ' "http://evil/t", "client_id": "a", "client_secret": "env:X"}}',
            "no host that may be asked",
        ),
        ('{"base_url": "https://x", "ca_file": "/no/such/file"}', "certificates"),
    ],
)
def test_a_file_that_cannot_be_used_is_told(content: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "bank.json"
    path.write_text(content)

    async def make() -> None:
        IntegrationHub({"bank": f"file:{path}"})

    with pytest.raises(IvrError, match=says):
        asyncio.run(make())


async def test_an_integration_is_read_from_a_file(tmp_path: Path, known_secret: str) -> None:
    async with hostile(answer(200)) as server:
        path = tmp_path / "bank.json"
        auth = '{"kind": "api_key", "key": "env:BANK_SECRET"}'
        path.write_text(f'{{"base_url": "{server.url}", "auth": {auth}}}')
        hub = IntegrationHub({"bank": f"file:{path}"})
        assert (await hub.call(get())).ok
        assert server.asked[0].headers["x-api-key"] == SECRET
        await hub.close()
