"""Live sessions on a real Redis: fencing, and time kept when it is killed or frozen."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from uuid import UUID, uuid4

import pytest
import uvloop
from redis import Redis

from ivr.errors import IvrError
from ivr.storage.embedded import EmbeddedRedis
from ivr.storage.session import Session, SessionFenced, SessionStoreAway
from ivr.storage.sessions import _CLAIM, RedisSessionStore
from tests.storage.conftest import Signaller

pytestmark = pytest.mark.redis

SLACK_S = 0.1
"""What a busy machine of two cores may add to a bound."""


@pytest.fixture
async def store(redis: EmbeddedRedis) -> AsyncIterator[RedisSessionStore]:
    store = RedisSessionStore(redis.url)
    yield store
    await store.close()


def session(call_id: UUID, turn: int = 1, **state: object) -> Session:
    return Session(call_id=call_id, flow="bank", flow_version="1", turn=turn, state=state)


async def until(condition: Callable[[], Awaitable[bool] | bool], deadline_s: float = 3.0) -> float:
    """Wait for a condition; the seconds it took."""
    began = time.monotonic()
    while True:
        holds = condition()
        if holds if isinstance(holds, bool) else await holds:
            return time.monotonic() - began
        assert time.monotonic() - began < deadline_s, "the condition never held"
        await asyncio.sleep(0.005)


async def timed(work: Awaitable[object]) -> tuple[float, BaseException | None]:
    began = time.monotonic()
    error: BaseException | None = None
    try:
        await work
    except IvrError as raised:
        error = raised
    return time.monotonic() - began, error


async def test_a_claimed_call_is_saved_and_claimed_again_with_what_was_saved(
    store: RedisSessionStore, redis: EmbeddedRedis
) -> None:
    call_id = uuid4()
    assert await store.claim(call_id) == (1, None)
    saved = session(call_id, 3, slots={"account": "447123", "words": "नमस्ते\n\u2028"})
    await store.save(saved, 1)
    assert await store.claim(call_id) == (2, saved)
    with Redis.from_url(redis.url) as client:
        assert 3590 < client.ttl(f"ivr:session:{call_id}") <= 3600
        assert 3590 < client.ttl(f"ivr:epoch:{call_id}") <= 3600


async def test_the_worker_that_had_the_call_is_fenced(
    redis: EmbeddedRedis, store: RedisSessionStore
) -> None:
    other = RedisSessionStore(redis.url)
    call_id = uuid4()
    mine, _ = await store.claim(call_id)
    await store.save(session(call_id, 1), mine)
    theirs, _ = await other.claim(call_id)
    with pytest.raises(SessionFenced):
        await store.save(session(call_id, 2), mine)
    with pytest.raises(SessionFenced):
        await store.keep(session(call_id, 3), mine)
    await other.save(session(call_id, 2), theirs)
    _, kept = await store.claim(call_id)
    assert kept == session(call_id, 2)
    await other.close()


async def test_of_workers_that_race_for_a_call_only_the_last_may_write(
    redis: EmbeddedRedis,
) -> None:
    stores = [RedisSessionStore(redis.url) for _ in range(4)]
    call_id = uuid4()
    claims = await asyncio.gather(*(store.claim(call_id) for store in stores for _ in range(5)))
    epochs = [epoch for epoch, _ in claims]
    assert sorted(epochs) == list(range(1, 21))
    owners = [store for store in stores for _ in range(5)]
    allowed = []
    for owner, epoch in zip(owners, epochs, strict=True):
        try:
            await owner.save(session(call_id, epoch), epoch)
            allowed.append(epoch)
        except SessionFenced:
            pass
    assert allowed == [20]
    for store in stores:
        await store.close()


async def test_a_session_nobody_can_read_counts_as_none(
    store: RedisSessionStore, redis: EmbeddedRedis
) -> None:
    call_id = uuid4()
    with Redis.from_url(redis.url) as client:
        client.set(f"ivr:session:{call_id}", b"{torn")
    assert await store.claim(call_id) == (1, None)


async def test_text_that_no_utf8_can_carry_is_saved_all_the_same(store: RedisSessionStore) -> None:
    call_id = uuid4()
    await store.save(session(call_id, 1, heard="a\ud800b"), 1)
    _, kept = await store.claim(call_id)
    assert kept == session(call_id, 1, heard="a?b")


async def test_data_that_redis_lost_does_not_fence_the_owner(
    store: RedisSessionStore, redis: EmbeddedRedis
) -> None:
    call_id = uuid4()
    epoch, _ = await store.claim(call_id)
    with Redis.from_url(redis.url) as client:
        client.flushall()
    await store.save(session(call_id), epoch)
    assert await store.claim(call_id) == (epoch + 1, session(call_id))


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


async def test_a_claim_that_was_given_up_does_not_fence_whoever_came_later(
    redis: EmbeddedRedis, store: RedisSessionStore, send: Signaller
) -> None:
    other = RedisSessionStore(redis.url)
    call_id = uuid4()
    await other.claim(uuid4())
    assert await store.claim(call_id) == (1, None)
    send(redis, signal.SIGSTOP)
    with pytest.raises(SessionStoreAway):
        await store.claim(call_id)
    send(redis, signal.SIGCONT)
    theirs, _ = await other.claim(call_id)
    await until(lambda: store.up)
    await other.save(session(call_id), theirs)
    await other.close()


async def test_a_save_that_comes_late_never_replaces_a_later_one(
    redis: EmbeddedRedis, store: RedisSessionStore
) -> None:
    call_id = uuid4()
    for turn in (1, 2, 3):
        await store.save(session(call_id, turn), 1)
    # Another store counts its saves from one: to Redis this is one of the three, come late.
    late = RedisSessionStore(redis.url)
    await late.save(session(call_id, 1, late=True), 1)
    await late.close()
    assert (await store.claim(call_id))[1] == session(call_id, 3)


async def test_a_claim_that_comes_late_changes_nothing(
    redis: EmbeddedRedis, store: RedisSessionStore
) -> None:
    call_id = uuid4()
    assert (await store.claim(call_id))[0] == 1
    assert (await store.claim(call_id))[0] == 2
    keys = [f"ivr:epoch:{call_id}", f"ivr:session:{call_id}", "ivr:calls:"]
    with Redis.from_url(redis.url) as client:
        for seen_before in (0, 1):
            assert client.eval(_CLAIM, 3, *keys, seen_before, 60, str(call_id)) == [0]
    await store.save(session(call_id), 2)


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


async def test_a_kept_session_that_turns_out_to_be_anothers_is_reported(
    redis: EmbeddedRedis,
) -> None:
    fenced: list[UUID] = []
    store = RedisSessionStore(redis.url, on_fenced=fenced.append)
    call_id = uuid4()
    epoch, _ = await store.claim(call_id)
    redis.kill()
    assert not await store.keep(session(call_id, 2), epoch)
    redis.start()
    with Redis.from_url(redis.url) as client:
        client.hset(f"ivr:epoch:{call_id}", mapping={"epoch": epoch + 1, "saved": 0})
    await until(lambda: store.kept == 0)
    assert fenced == [call_id]
    with pytest.raises(SessionFenced):
        await store.keep(session(call_id, 3), epoch)
    await store.close()


async def test_a_forgotten_call_is_not_saved_any_more(
    redis: EmbeddedRedis, store: RedisSessionStore
) -> None:
    call_id = uuid4()
    epoch, _ = await store.claim(call_id)
    redis.kill()
    assert not await store.keep(session(call_id, 2), epoch)
    store.forget(call_id, epoch)
    redis.start()
    await until(lambda: store.up)
    assert (await store.claim(call_id))[1] is None


async def test_what_a_dead_worker_has_left_is_known_to_the_next_of_its_name(
    redis: EmbeddedRedis,
) -> None:
    names = ("vm:worker-0", "vm:worker-1", "vm:worker-0")
    dead, other, heir = (RedisSessionStore(redis.url, worker=name) for name in names)
    lost, over, taken, ours = calls = [uuid4() for _ in range(4)]
    for call in calls:
        assert (await dead.claim(call))[0] == 1
        await dead.save(session(call, 4), 1)
    dead.forget(over, 1)
    await dead.close()
    left = await heir.left_behind()
    assert left == {lost: 1, taken: 1, ours: 1}
    await other.claim(taken)
    await heir.claim(ours)
    settled = {call: await heir.let_go(call, 1, within_ms=500) for call in left}
    assert settled[lost] == (True, session(lost, 4))
    assert (settled[taken][0], settled[ours][0]) == (False, False)
    # What we have ourselves by now stays ours.
    assert await heir.left_behind() == {ours: 2}
    assert await other.left_behind() == {taken: 2}
    for store in (other, heir):
        await store.close()


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
