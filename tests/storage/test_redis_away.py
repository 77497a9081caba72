"""Live sessions while Redis is killed or frozen: nobody waits longer than their time."""

from __future__ import annotations

import asyncio
import signal
import time
from uuid import UUID, uuid4

import pytest
import uvloop
from redis import Redis

from ivr.errors import IvrError
from ivr.storage.embedded import EmbeddedRedis
from ivr.storage.session import Session, SessionStoreAway
from ivr.storage.sessions import RedisSessionStore
from tests.storage.conftest import Signaller
from tests.storage.live_sessions import SLACK_S, session, timed, until

pytestmark = pytest.mark.redis


async def test_sessions_survive_a_killed_redis(
    store: RedisSessionStore, redis: EmbeddedRedis
) -> None:
    call_id = uuid4()
    await store.save(session(call_id, 9), 4)
    redis.kill()
    redis.start()
    back = await until(lambda: found(store, call_id, session(call_id, 9)))
    assert back < 0.6


async def test_a_connection_that_broke_is_replaced_within_the_save(
    store: RedisSessionStore, redis: EmbeddedRedis
) -> None:
    call_id = uuid4()
    epoch, _ = await store.claim(call_id)
    with Redis.from_url(redis.url) as client:
        for turn in range(1, 20):
            # Its answer is lost; whether it was carried out, nobody knows.
            saving = asyncio.create_task(store.save(session(call_id, turn), epoch))
            await asyncio.sleep(0)
            client.client_kill_filter(_type="normal", skipme=True)
            await saving
    assert (await store.claim(call_id))[1] == session(call_id, 19)


async def found(store: RedisSessionStore, call_id: UUID, expected: Session) -> bool:
    """Whether it can be claimed; a claim whose answer was lost may have counted before."""
    try:
        epoch, kept = await store.claim(call_id)
    except SessionStoreAway:
        return False
    return epoch >= 5 and kept == expected


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
async def test_nothing_waits_longer_than_its_time_and_all_recover(
    store: RedisSessionStore, redis: EmbeddedRedis, send: Signaller, number: signal.Signals
) -> None:
    calls = [uuid4() for _ in range(40)]
    epochs = {call: (await store.claim(call))[0] for call in calls}
    send(redis, number)

    # Forty calls at once, three times over: one wait each, and no storm of connections.
    for turn in (1, 2, 3):
        took = await asyncio.gather(
            *(timed(store.save(session(call, turn), epochs[call])) for call in calls)
        )
        assert all(isinstance(error, SessionStoreAway) for _, error in took)
        assert max(seconds for seconds, _ in took) < 0.05 + SLACK_S
    seconds, error = await timed(store.claim(uuid4()))
    assert isinstance(error, SessionStoreAway)
    assert seconds < 0.15 + SLACK_S

    kept = await asyncio.gather(*(store.keep(session(call, 4), epochs[call]) for call in calls))
    assert kept == [False] * 40
    assert not await store.keep(session(calls[0], 5), epochs[calls[0]])
    store.publish({"event": "nobody waits for this"})

    if number == signal.SIGSTOP:
        send(redis, signal.SIGCONT)
    else:
        redis.restart()
    assert await until(lambda: store.up) < 0.5
    await until(lambda: store.kept == 0)
    for call in calls:
        epoch, saved = await store.claim(call)
        assert saved == session(call, 5 if call == calls[0] else 4)
        # A wake-up must not carry out a claim or a save that was given up.
        assert epoch == epochs[call] + 1


def test_time_in_which_we_were_held_up_ourselves_is_not_the_servers(
    redis: EmbeddedRedis,
) -> None:
    def held_up() -> None:
        time.sleep(0.2)  # as by other calls, when the machine is busy

    async def run() -> None:
        store = RedisSessionStore(redis.url)
        call_id = uuid4()
        epoch, _ = await store.claim(call_id)
        for turn in range(5):
            asyncio.get_running_loop().call_soon(held_up)
            assert await store.keep(session(call_id, turn), epoch)
        assert store.up
        await store.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


async def test_connections_stay_few_while_redis_is_frozen(
    store: RedisSessionStore, redis: EmbeddedRedis, send: Signaller
) -> None:
    call_id = uuid4()
    epoch, _ = await store.claim(call_id)
    with Redis.from_url(redis.url) as client:
        before = client.info("stats")["total_connections_received"]
    send(redis, signal.SIGSTOP)
    until_s = time.monotonic() + 0.8
    saves = 0
    while time.monotonic() < until_s:
        await timed(store.save(session(call_id), epoch))
        saves += 1
        await asyncio.sleep(0.001)
    send(redis, signal.SIGCONT)
    await until(lambda: store.up)
    with Redis.from_url(redis.url) as client:
        after = client.info("stats")["total_connections_received"]
    assert saves > 100
    # The first save, its probes (one each 0.3 s) and our own two.
    assert after - before < 10


def test_on_uvloop_a_frozen_redis_holds_nobody_up_either(
    redis: EmbeddedRedis, send: Signaller
) -> None:
    async def run() -> None:
        store = RedisSessionStore(redis.url)
        call_id = uuid4()
        epoch, _ = await store.claim(call_id)
        send(redis, signal.SIGSTOP)
        seconds, error = await timed(store.save(session(call_id), epoch))
        assert isinstance(error, SessionStoreAway)
        assert seconds < 0.05 + SLACK_S
        send(redis, signal.SIGCONT)
        await until(lambda: store.up)
        await store.save(session(call_id), epoch)
        await store.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


async def test_a_redis_that_was_never_there_costs_only_the_budget() -> None:
    store = RedisSessionStore("unix:///nowhere/redis.sock")
    seconds, error = await timed(store.save(session(uuid4()), 1))
    assert isinstance(error, SessionStoreAway)
    assert seconds < 0.05 + SLACK_S
    await store.close()


def test_a_url_that_is_none_is_refused_in_a_sentence() -> None:
    async def make() -> None:
        RedisSessionStore("localhost:6379")

    with pytest.raises(IvrError, match="IVR_REDIS_URL"):
        asyncio.run(make())
