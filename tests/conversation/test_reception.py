"""More callers than places: who talks, who waits and what they hear, on a real Redis."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis

from ivr.admission.places import Places
from ivr.conversation.reception import Reception
from ivr.storage.embedded import EmbeddedRedis
from ivr.telephony.call import CallInfo, EndedBy
from ivr.telephony.loopback import LoopbackCall
from tests.conversation.spoken_call import Scene

pytestmark = pytest.mark.redis

FRAMES_AT_ONCE = 5
LATEST_S = 30.0
BUSY = "All our lines are busy."
TURN_LONGER = "You are number {} in the queue, and it will take about {} minutes."
CALLBACK = "To be called back instead, press one."
MENU = "Say balance, goodbye, card or person."


class House:
    """One worker with one place and a queue for two, whose time runs fast."""

    def __init__(self, url: str) -> None:
        self.scene = Scene()
        self.places = Places(url, 1, 2, budget_s=30.0)
        self.reception = Reception(self.places, ask_every_s=0.02)
        self.tasks: list[asyncio.Task[None]] = []
        self.heard: dict[LoopbackCall, list[str]] = {}

    async def pass_time(self) -> None:
        while True:
            self.scene.clock.step(FRAMES_AT_ONCE)
            await asyncio.sleep(0.002)

    def ring(self, number: str) -> LoopbackCall:
        texts: list[str] = []

        def hear(frame: bytes) -> None:
            # Each text of this synthesiser is one constant sample, 1 the first.
            sample = int.from_bytes(frame[:2], "little", signed=True)
            said = self.scene.choir.texts
            if frame == frame[:2] * (len(frame) // 2) and 0 < sample <= len(said):
                text = said[sample - 1]
                if not texts or texts[-1] != text:
                    texts.append(text)

        call = LoopbackCall(self.scene.clock, info=CallInfo(caller=number), hear=hear)
        self.heard[call] = texts
        call.ring(lambda each: self.tasks.append(self.reception.take(each, self.scene.services)))
        return call


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    redis = EmbeddedRedis(tmp_path / "redis")
    await asyncio.to_thread(redis.start)
    house = House(redis.url)
    passing = asyncio.create_task(house.pass_time())
    yield house
    for call in house.heard:
        call.caller_hangs_up()
    await asyncio.wait(house.tasks, timeout=LATEST_S)
    passing.cancel()
    await house.reception.close()
    await house.places.close()
    await asyncio.to_thread(redis.stop)


async def until(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(LATEST_S):
        while not met():
            await asyncio.sleep(0.01)


async def test_callers_wait_their_turn_and_are_told(house: House) -> None:
    first = house.ring("1")
    await until(lambda: MENU in house.heard[first])
    second = house.ring("2")
    await until(lambda: CALLBACK in house.heard[second])
    third = house.ring("3")
    await until(lambda: CALLBACK in house.heard[third])
    fourth = house.ring("4")
    await until(lambda: fourth.ending is not None)

    assert house.heard[second][:2] == [BUSY, TURN_LONGER.format("one", "two")]
    assert house.heard[third][:2] == [BUSY, TURN_LONGER.format("two", "four")]
    assert house.heard[fourth][0] == BUSY
    assert fourth.ending is not None
    assert fourth.ending.by is EndedBy.BOT
    assert MENU not in house.heard[second] + house.heard[third] + house.heard[fourth]

    first.caller_hangs_up()
    await until(lambda: MENU in house.heard[second])
    assert MENU not in house.heard[third]
    second.caller_hangs_up()
    await until(lambda: MENU in house.heard[third])


async def test_who_would_rather_be_called_back_is_noted_and_the_next_moves_up(
    house: House, tmp_path: Path
) -> None:
    first = house.ring("1")
    await until(lambda: MENU in house.heard[first])
    second = house.ring("+912")
    await until(lambda: BUSY in house.heard[second])
    third = house.ring("3")
    await until(lambda: BUSY in house.heard[third])
    second.caller_digit("1")
    await until(lambda: second.ending is not None)
    assert house.heard[second][-1] == "We will call you back."
    client = Redis.from_url(house.places.url)
    kept = [json.loads(each) for each in await client.lrange("ivr:callbacks", 0, -1)]
    await client.aclose()
    assert kept == [{"call_id": str(second.id), "number": "+912", "language": "en"}]
    first.caller_hangs_up()
    await until(lambda: MENU in house.heard[third])


async def test_who_gives_up_waiting_leaves_no_gap(house: House) -> None:
    first = house.ring("1")
    await until(lambda: MENU in house.heard[first])
    second = house.ring("2")
    await until(lambda: BUSY in house.heard[second])
    third = house.ring("3")
    await until(lambda: BUSY in house.heard[third])
    second.caller_hangs_up()
    first.caller_hangs_up()
    await until(lambda: MENU in house.heard[third])
