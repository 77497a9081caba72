"""What happens in calls reaches those who watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from ivr.storage.embedded import EmbeddedRedis
from ivr.storage.sessions import RedisSessionStore
from tests.storage.live_sessions import until

pytestmark = pytest.mark.redis


@pytest.fixture
async def seen(store: RedisSessionStore, redis: EmbeddedRedis) -> AsyncIterator[list[int]]:
    """The numbers that somebody else who watches sees, once they and `store` have a connection."""
    other = RedisSessionStore(redis.url)
    numbers: list[int] = []
    see = numbers.append

    async def watch() -> None:
        async with aclosing(other.subscribe()) as events:  # type: ignore[type-var]
            async for event in events:
                see(event["n"])

    watcher = asyncio.create_task(watch())
    await until(lambda: arrives(0, store, numbers))
    numbers.clear()
    yield numbers
    watcher.cancel()
    await asyncio.wait({watcher})
    await other.close()


async def arrives(number: int, store: RedisSessionStore, seen: list[int]) -> bool:
    store.publish({"n": number})
    await asyncio.sleep(0.01)
    return number in seen


async def test_events_reach_those_who_watch_in_order_also_after_redis_was_killed(
    store: RedisSessionStore, redis: EmbeddedRedis, seen: list[int]
) -> None:
    for number in range(1, 51):
        store.publish({"n": number})
    await until(lambda: 50 in seen)
    assert [number for number in seen if number] == list(range(1, 51))
    redis.restart()
    await until(lambda: arrives(-1, store, seen))


async def test_what_was_published_last_is_seen_though_the_worker_stops(
    store: RedisSessionStore, seen: list[int]
) -> None:
    for number in (1, 2):
        store.publish({"n": number})
    await store.close()
    await until(lambda: 2 in seen)
    assert [number for number in seen if number] == [1, 2]


async def test_an_event_that_is_no_json_is_dropped(store: RedisSessionStore) -> None:
    loop: list[object] = []
    loop.append(loop)
    store.publish({"n": loop})
