"""Live sessions on a real Redis: who may write, and what is found again."""

from __future__ import annotations

import asyncio
import signal
from uuid import UUID, uuid4

import pytest
from redis import Redis

from ivr.storage.embedded import EmbeddedRedis
from ivr.storage.session import SessionFenced, SessionStoreAway
from ivr.storage.sessions import _CLAIM, RedisSessionStore
from tests.storage.conftest import Signaller
from tests.storage.live_sessions import session, until

pytestmark = pytest.mark.redis


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
