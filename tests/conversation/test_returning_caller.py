"""Who rings again may go on, as the worker knows them: the bank's flow and a real Redis."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis

from ivr.audio.format import TELEPHONE
from ivr.dialogue.returning import CallSummary
from ivr.settings import PROJECT
from ivr.storage.callers import RedisCallers
from ivr.storage.embedded import EmbeddedRedis
from ivr.telephony.call import CallEnding, CallInfo, EndedBy
from ivr.telephony.loopback import LoopbackCall
from tests.conversation.spoken_call import FRAME_MS, Scene

pytestmark = pytest.mark.redis

BANK = json.loads((PROJECT / "flows" / "bank.json").read_text())
NUMBER = "+919812345678"
OFFER = "Would you like to go on where we were?"
WHICH_CARD, LAST_FOUR, AMOUNT = "Which card", "What are the last four digits", "How much"
DROPPED = CallEnding(by=EndedBy.LINE, detail="reset")
HUNG_UP = CallEnding(by=EndedBy.CALLER, cause="normal_clearing")
LOST = CallEnding(by=EndedBy.CALLER, cause="recovery_on_timer_expire")

RingAs = Callable[..., Awaitable[Scene]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(tmp_path_factory.mktemp("callers"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def callers(server: EmbeddedRedis) -> AsyncIterator[RedisCallers]:
    with redis.Redis.from_url(server.url) as client:
        client.flushall()
    callers = RedisCallers(server.url, "a key of this test")
    yield callers
    await callers.close()


@pytest.fixture
async def ring(callers: RedisCallers) -> AsyncIterator[RingAs]:
    """A call `minutes` after the first; it has been answered and the bot has said its first."""
    scenes: list[Scene] = []

    async def ring(
        minutes: float = 0, *, number: str = NUMBER, trunk: str = "carrier", **services: Any
    ) -> Scene:
        services.setdefault("callers", callers)
        services.setdefault("trusted_trunks", frozenset({"carrier"}))
        scene = Scene(document=BANK, **services)
        scene.clock.step(round(minutes * 60_000 / FRAME_MS))
        info = CallInfo(caller=number, language="en", variables={"x-ivr-trunk": trunk})
        scene.call = LoopbackCall(scene.clock, call_id=uuid4(), info=info)
        scenes.append(scene)
        await scene.ring()
        await says(scene, "How can I help you today?", OFFER)
        return scene

    yield ring
    for scene in scenes:
        await end(scene, HUNG_UP)


async def says(scene: Scene, *texts: str, since: int = 0) -> None:
    """Let line and Redis go on until the bot has said one of these, and fallen silent."""

    def said() -> bool:
        quiet = all(frame == TELEPHONE.silence for frame in scene.call.heard[-10:])
        return quiet and any(text in heard for heard in scene.heard(since) for text in texts)

    with suppress(TimeoutError):
        async with asyncio.timeout(20):
            while not said():
                await scene.listen(FRAME_MS)
                await asyncio.sleep(0)
    assert said(), scene.heard(since)


async def say(scene: Scene, words: str, *answers: str) -> None:
    since = scene.now
    await scene.say(words)
    await says(scene, *answers, since=since)


async def end(scene: Scene, ending: CallEnding) -> None:
    if scene.call.ending is None:
        scene.call.finish(ending)
    assert scene.task is not None
    await asyncio.wait({scene.task}, timeout=5)
    memory = scene.services.callers
    assert isinstance(memory, RedisCallers | None)
    if memory is not None and memory._tasks:
        await asyncio.wait(set(memory._tasks), timeout=5)


async def up_to_the_last_four(ring: RingAs, ending: CallEnding, **how: Any) -> None:
    scene = await ring(**how)
    await say(scene, "block_card", WHICH_CARD)
    since = scene.now
    await scene.press("1")
    await says(scene, LAST_FOUR, since=since)
    await end(scene, ending)


@pytest.mark.parametrize("ending", [DROPPED, LOST])
async def test_a_dropped_call_goes_on_at_the_very_step(ring: RingAs, ending: CallEnding) -> None:
    await up_to_the_last_four(ring, ending)
    again = await ring(minutes=4)
    assert OFFER in again.heard()
    await say(again, "yes", LAST_FOUR)
    assert not any(WHICH_CARD in text for text in again.heard())


@pytest.mark.parametrize(("ending", "minutes"), [(HUNG_UP, 50), (DROPPED, 6)])
async def test_otherwise_only_the_task_is_gone_on_with(
    ring: RingAs, ending: CallEnding, minutes: float
) -> None:
    await up_to_the_last_four(ring, ending)
    again = await ring(minutes=minutes)
    await say(again, "yes", WHICH_CARD)


async def test_without_a_yes_nothing_is(ring: RingAs) -> None:
    await up_to_the_last_four(ring, DROPPED)
    again = await ring(minutes=1)
    await say(again, "no", "How can I help you today?", "What")
    assert not any(LAST_FOUR in text or WHICH_CARD in text for text in again.heard())


@pytest.mark.parametrize(
    "other",
    [
        {"minutes": 61},
        {"number": "+919812345679"},
        {"number": ""},
        {"number": "anonymous"},
        {"trunk": "stranger"},
        {"trunk": ""},
        {"trusted_trunks": frozenset()},
        {"callers": None},
    ],
    ids=str,
)
async def test_nobody_else_is_taken_for_them(ring: RingAs, other: dict[str, Any]) -> None:
    await up_to_the_last_four(ring, DROPPED)
    again = await ring(**({"minutes": 1} | other))
    assert OFFER not in again.heard()


@pytest.mark.parametrize("first", [{"trunk": "stranger"}, {"number": ""}], ids=str)
async def test_who_is_not_believed_is_not_remembered(
    ring: RingAs, server: EmbeddedRedis, first: dict[str, Any]
) -> None:
    await up_to_the_last_four(ring, DROPPED, **first)
    with redis.Redis.from_url(server.url) as client:
        assert client.keys("ivr:caller:*") == []


async def test_neither_account_nor_amount_come_back(ring: RingAs, server: EmbeddedRedis) -> None:
    scene = await ring()
    since = scene.now
    await say(scene, "transfer_money", "account")
    await scene.press("447123")
    await says(scene, AMOUNT, since=since)
    await scene.press("250#")
    await says(scene, "Who", "To whom", "send it to", since=since)
    await end(scene, DROPPED)
    with redis.Redis.from_url(server.url) as client:
        (kept,) = [client.get(key) for key in client.keys("ivr:caller:*")]
    assert b"447123" not in kept
    assert b"250" not in kept
    again = await ring(minutes=1)
    await say(again, "yes", "account")


async def test_a_call_that_came_to_its_end_leaves_nothing(
    ring: RingAs, server: EmbeddedRedis
) -> None:
    await up_to_the_last_four(ring, DROPPED)
    again = await ring(minutes=1)
    await say(again, "no", "How can I help you today?", "What")
    await end(again, HUNG_UP)
    with redis.Redis.from_url(server.url) as client:
        assert client.keys("ivr:caller:*") == []
    assert OFFER not in (await ring(minutes=2)).heard()


async def test_the_number_is_nowhere_and_the_key_is_needed(
    ring: RingAs, callers: RedisCallers, server: EmbeddedRedis
) -> None:
    await up_to_the_last_four(ring, DROPPED)
    with redis.Redis.from_url(server.url) as client:
        (name,) = client.keys("ivr:caller:*")
        assert NUMBER.strip("+").encode() not in name + client.get(name)
        assert 3500 < client.ttl(name) <= 3600
    assert await callers.recall(NUMBER) is not None
    other = RedisCallers(server.url, "another key")
    assert await other.recall(NUMBER) is None
    await other.close()


async def test_without_redis_the_call_begins_as_any(tmp_path: Path, ring: RingAs) -> None:
    away = RedisCallers(f"unix://{tmp_path}/nowhere.sock", "key")
    scene = await ring(callers=away)
    assert OFFER not in scene.heard()
    away.remember(NUMBER, None)
    await end(scene, HUNG_UP)
    await away.close()


async def test_what_cannot_be_read_is_nothing(callers: RedisCallers, server: EmbeddedRedis) -> None:
    name = callers._name(NUMBER)
    assert name is not None
    with redis.Redis.from_url(server.url) as client:
        client.set(name, "{}")
    found: CallSummary | None = await callers.recall(NUMBER)
    assert found is None
