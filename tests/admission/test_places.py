"""Places and the queue, on a real Redis."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from ivr.admission.places import Places
from ivr.storage.embedded import EmbeddedRedis

pytestmark = pytest.mark.redis

WORKERS = 5


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> EmbeddedRedis:
    folder: Path = tmp_path_factory.mktemp("redis")
    return EmbeddedRedis(folder)


@pytest.fixture
async def redis(server: EmbeddedRedis) -> AsyncIterator[EmbeddedRedis]:
    await asyncio.to_thread(server.start)
    client = Redis.from_url(server.url)
    await client.flushall()
    await client.aclose()
    yield server
    await asyncio.to_thread(server.stop)


def workers(redis: EmbeddedRedis, places: int, queue: int, lease_s: float = 60.0) -> list[Places]:
    """A busy machine may need longer than a caller is made to wait."""
    return [
        Places(redis.url, places, queue, lease_s=lease_s, budget_s=30.0) for _ in range(WORKERS)
    ]


async def close(each: list[Places]) -> None:
    await asyncio.gather(*(one.close() for one in each))


async def test_five_hundred_at_once_take_exactly_a_hundred_places(redis: EmbeddedRedis) -> None:
    houses = workers(redis, 100, 50)
    entries = await asyncio.gather(
        *(houses[number % WORKERS].enter(uuid4()) for number in range(500))
    )
    assert sum(entry.admitted for entry in entries) == 100
    assert sum(entry.full for entry in entries) == 350
    assert sorted(entry.position for entry in entries if entry.position) == list(range(1, 51))
    await close(houses)


async def test_turns_come_in_the_order_of_arrival(redis: EmbeddedRedis) -> None:
    houses = workers(redis, 2, 10)
    calls = [uuid4() for _ in range(6)]
    for number, call in enumerate(calls):
        entry = await houses[number % WORKERS].enter(call)
        assert (entry.admitted, entry.position) == (number < 2, max(0, number - 1))
    # Asking again changes nothing, nor does asking with another worker.
    assert (await houses[0].enter(calls[5])).position == 4
    await houses[0].leave(calls[0], talked_s=60)
    # The place is the first one's in the queue, whoever asks before.
    assert (await houses[1].enter(uuid4())).position == 4
    assert (await houses[1].enter(calls[3])).position == 1
    assert (await houses[2].enter(calls[2])).admitted
    # Somebody gives up: the others move on.
    await houses[3].leave(calls[3])
    assert (await houses[4].enter(calls[4])).position == 1
    await close(houses)


async def test_the_wait_is_reckoned_from_how_long_calls_last(redis: EmbeddedRedis) -> None:
    (house, *_others) = houses = workers(redis, 1, 10)
    for _ in range(60):
        talking = uuid4()
        assert (await house.enter(talking)).admitted
        await house.leave(talking, talked_s=300)
    await house.enter(uuid4())
    await house.enter(uuid4())
    assert (await house.enter(uuid4())).wait_s == pytest.approx(600, rel=0.1)
    await close(houses)


async def test_a_call_that_comes_to_another_worker_has_its_place(redis: EmbeddedRedis) -> None:
    houses = workers(redis, 1, 10)
    call = uuid4()
    assert (await houses[0].enter(call)).admitted
    await houses[0].leave(call, may_return=True)
    assert not (await houses[1].enter(uuid4())).admitted
    assert (await houses[2].enter(call)).admitted
    await close(houses)


async def test_what_a_dead_worker_had_is_free_again(redis: EmbeddedRedis) -> None:
    houses = workers(redis, 1, 10, lease_s=0.3)
    talking, waiting, last = uuid4(), uuid4(), uuid4()
    assert (await houses[0].enter(talking)).admitted
    assert (await houses[0].enter(waiting)).position == 1
    async with asyncio.timeout(20):
        while not (await houses[1].enter(last)).admitted:
            await asyncio.sleep(0.05)
    await close(houses)


async def test_a_place_that_is_renewed_stays(redis: EmbeddedRedis) -> None:
    houses = workers(redis, 1, 10, lease_s=1.0)
    talking = uuid4()
    assert (await houses[0].enter(talking)).admitted
    client = Redis.from_url(redis.url)
    before = await client.zscore("ivr:places", str(talking))
    await asyncio.sleep(0.02)
    await houses[0].renew([talking])
    after = await client.zscore("ivr:places", str(talking))
    assert before is not None
    assert after is not None
    assert after > before
    await client.aclose()
    await close(houses)


async def test_a_wish_to_be_called_back_is_kept_once(redis: EmbeddedRedis) -> None:
    (house, *_others) = houses = workers(redis, 1, 10)
    call = uuid4()
    assert await house.keep_callback(call, "+91400000001", "hi")
    assert await house.keep_callback(call, "+91400000001", "hi")
    client = Redis.from_url(redis.url)
    kept = [json.loads(each) for each in await client.lrange("ivr:callbacks", 0, -1)]
    assert kept == [{"call_id": str(call), "number": "+91400000001", "language": "hi"}]
    await client.aclose()
    await close(houses)


async def test_without_redis_callers_are_answered() -> None:
    house = Places("redis://127.0.0.1:1/0", 1, 1)
    assert (await house.enter(uuid4())).admitted
    assert not await house.keep_callback(uuid4(), "+91400000001", "en")
    await house.leave(uuid4())
    await house.close()
