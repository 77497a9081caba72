"""Nothing secret is told, and a configuration that cannot be used is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import structlog

from ivr.errors import IvrError
from ivr.integrations.hub import IntegrationHub
from ivr.integrations.redaction import redacted
from ivr.integrations.secrets import secret
from tests.integrations.asking import SECRET, asked, get, hub_to, post
from tests.integrations.hostile import answer, hostile


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
