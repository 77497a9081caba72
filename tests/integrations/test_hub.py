"""The integration hub against a real HTTP server that misbehaves."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.dialogue.actions import CallApi
from ivr.dialogue.inputs import ApiReplied
from ivr.errors import IvrError
from ivr.integrations.bank_api import BankApi, Fault
from ivr.integrations.hub import NOT_DONE, UNKNOWN, UNREACHABLE, IntegrationHub

SLACK_S = 0.15
TRANSFER = {"from": "447123", "to": "556677", "amount": "250.00"}


@asynccontextmanager
async def hub_to(url: str) -> AsyncIterator[IntegrationHub]:
    hub = IntegrationHub({"bank": url})
    yield hub
    await hub.close()


def get(path: str, **more: Any) -> CallApi:
    return CallApi(request_id="r1", name="bank", method="GET", path=path, **more)


def transfer(key: str = "k1", **more: Any) -> CallApi:
    return CallApi(
        request_id="r2",
        name="bank",
        method="POST",
        path="/transfers",
        body=TRANSFER,
        idempotency_key=key,
        **more,
    )


async def ask(bank: BankApi, action: CallApi) -> ApiReplied:
    async with hub_to(bank.url) as hub:
        return await hub.call(action)


async def test_an_answer_comes_with_its_status_and_data() -> None:
    with BankApi() as bank:
        reply = await ask(bank, get("/accounts/447123"))
    assert reply == ApiReplied(
        request_id="r1",
        ok=True,
        status=200,
        data={
            "number": "447123",
            "holder": "anna",
            "balance": "1250.00",
            "currency": "INR",
            "type": "savings",
        },
    )


async def test_a_refusal_comes_with_the_integrations_own_word() -> None:
    with BankApi() as bank:
        missing = await ask(bank, get("/accounts/000000"))
        assert (missing.ok, missing.status, missing.error) == (False, 404, "not_found")
        poor = CallApi(
            request_id="r",
            name="bank",
            method="POST",
            path="/transfers",
            body={"from": "556677", "to": "447123", "amount": "80.51"},
            idempotency_key="k",
        )
        refused = await ask(bank, poor)
        assert (refused.ok, refused.status, refused.error) == (False, 422, "insufficient_funds")
        assert bank.transfers == 0


async def test_an_integration_nobody_has_named_is_an_error_and_no_exception() -> None:
    async with hub_to("http://127.0.0.1:1") as hub:
        action = CallApi(request_id="r", name="weather", method="GET", path="/")
        reply = await hub.call(action)
    assert (reply.ok, reply.status) == (False, 0)
    assert "weather" in reply.error


async def test_a_change_is_made_once_however_often_it_comes() -> None:
    with BankApi() as bank:
        first = await ask(bank, transfer())
        again = await ask(bank, transfer())
        assert (first.status, again.status) == (201, 200)
        assert first.data == again.data == {"id": "T000001", "status": "done"}
        assert bank.transfers == 1
        assert bank.balance("447123") == Decimal("1000.00")
        assert bank.balance("556677") == Decimal("330.50")


@pytest.mark.parametrize(
    "fault",
    [
        Fault(method="POST", cut="after"),
        Fault(method="POST", delay_after_s=5),
        Fault(method="POST", answer=(502, "text/html", b"<h1>Bad Gateway</h1>")),
        Fault(method="POST", answer=(201, "text/plain", b"done")),
    ],
    ids=["cut", "too slow", "bad gateway", "unreadable"],
)
async def test_a_change_whose_answer_is_lost_is_asked_for_and_not_repeated(fault: Fault) -> None:
    with BankApi(faults=[fault]) as bank:
        began = time.monotonic()
        reply = await ask(bank, transfer(timeout_ms=1000))
        assert time.monotonic() - began < 1.0 + SLACK_S
        assert reply == ApiReplied(
            request_id="r2", ok=True, status=200, data={"id": "T000001", "status": "done"}
        )
        assert (bank.transfers, bank.requests) == (1, 2)


async def test_a_change_that_never_arrived_is_reported_as_not_done() -> None:
    with BankApi(faults=[Fault(method="POST", cut="before")]) as bank:
        reply = await ask(bank, transfer())
        assert (reply.ok, reply.status, reply.error) == (False, 0, NOT_DONE)
        assert (bank.transfers, bank.requests) == (0, 2)


async def test_a_change_that_nobody_can_say_the_fate_of_is_unknown_in_time() -> None:
    faults = [Fault(method="POST", delay_before_s=3), Fault(method="GET", delay_before_s=3)]
    with BankApi(faults=faults) as bank:
        began = time.monotonic()
        reply = await ask(bank, transfer(timeout_ms=500))
        assert time.monotonic() - began < 0.5 + SLACK_S
        assert (reply.ok, reply.status, reply.error) == (False, 0, UNKNOWN)


async def test_a_change_without_a_key_is_sent_once_and_not_asked_for() -> None:
    with BankApi(faults=[Fault(method="POST", cut="before")]) as bank:
        action = CallApi(request_id="r", name="bank", method="POST", path="/transfers", body={})
        assert not (await ask(bank, action)).ok
        assert bank.requests == 1


async def test_reading_is_tried_twice_more_after_a_cut_and_not_again() -> None:
    with BankApi(faults=[Fault(cut="before")] * 2) as bank:
        assert (await ask(bank, get("/accounts/447123"))).ok
        assert bank.requests == 3
    with BankApi(faults=[Fault(cut="before")] * 3) as bank:
        reply = await ask(bank, get("/accounts/447123"))
        assert (reply.ok, reply.status) == (False, 0)
        assert bank.requests == 3


async def test_a_slow_answer_is_given_up_in_time() -> None:
    with BankApi(latency_s=3) as bank:
        began = time.monotonic()
        reply = await ask(bank, get("/accounts/447123", timeout_ms=200))
        assert time.monotonic() - began < 0.2 + SLACK_S
    assert (reply.ok, reply.status, reply.error) == (False, 0, "no answer in time")


async def test_an_answer_that_drips_is_given_up_in_time() -> None:
    gone = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await asyncio.sleep(0.02)
        gone.set()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with hub_to(f"http://127.0.0.1:{port}") as hub:
        began = time.monotonic()
        reply = await hub.call(get("/", timeout_ms=300))
        assert time.monotonic() - began < 0.3 + SLACK_S
    assert not reply.ok
    server.close()
    await asyncio.wait_for(gone.wait(), 2)


async def test_nobody_there_is_told_as_such_also_for_a_change() -> None:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{line.getsockname()[1]}"
        async with hub_to(url) as hub:
            for action in (get("/accounts/1"), transfer()):
                reply = await hub.call(action)
                assert (reply.ok, reply.status, reply.error) == (False, 0, UNREACHABLE)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((200, "text/html", b"<p>hello</p>"), "not JSON"),
        ((200, "application/json", b"{torn"), "not the JSON"),
        ((200, "application/json", b"[" * 100_000), "not the JSON"),
        ((200, "application/json", b'"' + b"x" * (1 << 20) + b'"'), "longer than"),
        ((302, "application/json", b"{}"), "HTTP status 302"),
    ],
    ids=["html", "torn", "deep", "long", "redirect"],
)
async def test_an_answer_that_is_not_what_it_should_be_is_an_error(
    answer: tuple[int, str, bytes], error: str
) -> None:
    with BankApi(faults=[Fault(answer=answer)]) as bank:
        reply = await ask(bank, get("/accounts/447123"))
    assert not reply.ok
    assert error in reply.error
    assert reply.status == answer[0]


async def test_an_answer_of_the_largest_size_and_an_empty_one_are_taken() -> None:
    largest = b'"' + b"x" * ((1 << 20) - 2) + b'"'
    faults = [
        Fault(answer=(200, "application/problem+json; charset=utf-8", largest)),
        Fault(answer=(204, "text/plain", b"")),
    ]
    with BankApi(faults=faults) as bank:
        assert len((await ask(bank, get("/accounts/1"))).data) == (1 << 20) - 2
        assert await ask(bank, get("/accounts/1")) == ApiReplied(
            request_id="r1", ok=True, status=204
        )


@pytest.mark.parametrize(
    "path",
    [
        "",
        "accounts/1",
        "//evil.example/x",
        "/accounts//stats",
        "http://evil.example/",
        "/accounts/../stats",
        "/accounts/./1",
        "/accounts/%2e%2E/stats",
        "/accounts/%252e%252e/stats",
        "/accounts/a%2Fb",
        "/accounts/a%5Cb",
        "/accounts/a\\b",
        "/accounts/1#x",
        "/accounts/1 HTTP/1.1",
        "/accounts/1\r\nX-A: b",
        "/accounts/1%0d%0aX",
        "/accounts/1%00",
        "/accounts/१२३",
        "/accounts/1?x=%0a",
        "/a@evil.example:80/" + "a" * 2000,
        "/" + "a/" * 5000 + " ",
    ],
)
async def test_a_path_that_leaves_the_integration_is_never_asked(path: str) -> None:
    with BankApi() as bank:
        reply = await ask(bank, get(path))
        assert (reply.ok, reply.status) == (False, 0)
        assert bank.requests == 0


@given(path=st.text("/.%?&=a1@:\\\r\n #2eEfF", max_size=30).map(lambda text: "/" + text))
def test_whatever_path_is_asked_stays_under_the_base(path: str) -> None:
    asked: list[str] = []

    async def run() -> None:
        async with served(asked.append) as url, hub_to(url + "/base/") as hub:
            await hub.call(get(path, timeout_ms=2000))

    asyncio.run(run())
    for target in asked:
        assert target.startswith("/base/")
        assert not {"..", "."} & set(target.partition("?")[0].split("/"))


@asynccontextmanager
async def served(heard: Callable[[str], object]) -> AsyncIterator[str]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        heard(request.split(b" ")[1].decode())
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


async def test_a_quoted_value_and_a_query_reach_the_integration_as_they_are() -> None:
    asked: list[str] = []
    async with served(asked.append) as url, hub_to(url) as hub:
        await hub.call(get("/accounts/a%20b%40c?from=%E0%A4%85&n=1"))
    assert asked == ["/accounts/a%20b%40c?from=%E0%A4%85&n=1"]


@pytest.mark.parametrize("more", [{"method": "TRACE"}, {"idempotency_key": "a\r\nb"}])
async def test_other_methods_and_keys_are_never_sent(more: dict[str, str]) -> None:
    with BankApi() as bank:
        wanted = {"request_id": "r", "name": "bank", "method": "GET", "path": "/stats"} | more
        reply = await ask(bank, CallApi(**wanted))  # type: ignore[arg-type]
        assert (reply.ok, bank.requests) == (False, 0)


@pytest.mark.parametrize("url", ["", "bank", "ftp://bank/", "http://", "http://bank/?a=b"])
def test_a_base_url_that_is_none_is_refused_in_a_sentence(url: str) -> None:
    async def make() -> None:
        IntegrationHub({"bank": url})

    with pytest.raises(IvrError, match="base URL of integration 'bank'"):
        asyncio.run(make())


async def test_a_call_that_is_cancelled_is_cancelled() -> None:
    with BankApi(latency_s=2) as bank:
        async with hub_to(bank.url) as hub:
            task = asyncio.create_task(hub.call(get("/accounts/447123")))
            while not bank.requests:
                await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task


def test_the_error_of_an_integration_is_kept_short() -> None:
    async def run() -> ApiReplied:
        answer = (500, "application/json", json.dumps({"error": "e" * 5000}).encode())
        with BankApi(faults=[Fault(answer=answer)]) as bank:
            return await ask(bank, get("/accounts/1"))

    assert len(asyncio.run(run()).error) == 200
