"""A server in trouble is let rest, and no server is asked more than it can bear."""

from __future__ import annotations

import asyncio
import time

from ivr.integrations.breaker import Breaker
from ivr.integrations.hub import RESTING
from tests.integrations.asking import get, hub_to, post
from tests.integrations.hostile import answer, hostile, silence


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
