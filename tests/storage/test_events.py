"""What happens in calls reaches those who watch."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from ivr.storage.embedded import EmbeddedRedis
from ivr.storage.sessions import RedisSessionStore
from tests.storage.live_sessions import until

pytestmark = pytest.mark.redis


async def test_events_reach_those_who_watch_in_order_also_after_redis_was_killed(
    store: RedisSessionStore, redis: EmbeddedRedis
) -> None:
    seen: list[int] = []
    hear = seen.append

    async def watch() -> None:
        async with aclosing(store.subscribe()) as events:  # type: ignore[type-var]
            async for event in events:
                hear(event["n"])

    watcher = asyncio.create_task(watch())

    async def heard(number: int) -> bool:
        store.publish({"n": number})
        await asyncio.sleep(0.01)
        return number in seen

    await until(lambda: heard(0))
    seen.clear()
    for number in range(1, 51):
        store.publish({"n": number})
    await until(lambda: len(seen) >= 50)
    assert [number for number in seen if number] == list(range(1, 51))
    redis.restart()
    await until(lambda: heard(-1))
    watcher.cancel()
    await asyncio.wait({watcher})


async def test_an_event_that_is_no_json_is_dropped(store: RedisSessionStore) -> None:
    loop: list[object] = []
    loop.append(loop)
    store.publish({"n": loop})
