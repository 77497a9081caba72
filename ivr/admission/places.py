"""The places that all workers together have, in Redis, and the queue before them.

    ivr:places      sorted set: call id, and until when its place is kept for it (ms)
    ivr:queue       sorted set: call id, and its number in the order of arrival
    ivr:queue:kept  sorted set: call id, and until when it counts as waiting (ms)
    ivr:arrivals    the number of the last arrival
    ivr:talk_ms     how long calls last, on average (ms)
    ivr:callbacks   list: who wants to be called back, as JSON

Each script runs as one in Redis, so that two arrivals never take one place. What a worker that
died had is free again when its lease has run out. Times are Redis's own.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from redis.asyncio import Redis

from ivr.storage.redis_link import RedisLink
from ivr.storage.session import SessionStoreAway

LEASE_S = 15.0
"""How long a place, or a turn in the queue, is kept without a word from its worker."""
GRACE_S = 3.0
"""How long a place is kept for a call that may come again, because its worker let go of it."""
RENEW_S = 1.0
"""How often a worker renews its places: one that leaves a call late shortens what the next worker
has by then, to `GRACE_S`."""

BUDGET_S = 2.0
"""How long an arrival waits for Redis: long enough that hundreds at once are not taken for a Redis
that is away."""
_FIRST_TALK_MS = 120_000
_KEYS = ("ivr:places", "ivr:queue", "ivr:queue:kept", "ivr:arrivals", "ivr:talk_ms")

_TIDY = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now)) do
  redis.call('ZREM', KEYS[2], gone)
  redis.call('ZREM', KEYS[3], gone)
end
"""

_ENTER = (
    _TIDY
    + """
local id, places, longest, lease = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local talk = tonumber(redis.call('GET', KEYS[5]) or ARGV[5])
if redis.call('ZSCORE', KEYS[1], id) then
  redis.call('ZADD', KEYS[1], now + lease, id)
  return {0, 0}
end
local free = places - redis.call('ZCARD', KEYS[1])
local before = redis.call('ZRANK', KEYS[2], id)
if not before then
  before = redis.call('ZCARD', KEYS[2])
  if before >= math.max(free, 0) + longest then return {-1, 0} end
  if before >= free then
    redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[4]), id)
  end
end
if before < free then
  redis.call('ZREM', KEYS[2], id)
  redis.call('ZREM', KEYS[3], id)
  redis.call('ZADD', KEYS[1], now + lease, id)
  return {0, 0}
end
redis.call('ZADD', KEYS[3], now + lease, id)
local position = before - math.max(free, 0) + 1
return {position, math.floor(position * talk / places)}
"""
)

_LEAVE = (
    _TIDY
    + """
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return end
if tonumber(ARGV[3]) > 0 then
  redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
else
  redis.call('ZREM', KEYS[1], ARGV[1])
end
if tonumber(ARGV[2]) > 0 then
  local talk = tonumber(redis.call('GET', KEYS[5]) or ARGV[2])
  redis.call('SET', KEYS[5], math.floor(talk + 0.1 * (ARGV[2] - talk)))
end
"""
)

_RENEW = (
    _TIDY
    + """
for i = 2, #ARGV do
  redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[i])
end
"""
)

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What an arrival is told: it has a place, or `position` in the queue (1 is next) and about
    how long that will take, or the queue is as long as it may be."""

    admitted: bool = False
    full: bool = False
    position: int = 0
    wait_s: float = 0.0


class Places:
    """`places` in all, and a queue of at most `longest_queue` before them, at the Redis of `url`.

    Redis answers in `budget_s` or counts as away, and then everybody is let in: a caller who is
    answered by a busy system is better off than one who is not. Belongs to one event loop.
    """

    def __init__(
        self,
        url: str,
        places: int,
        longest_queue: int,
        *,
        lease_s: float = LEASE_S,
        budget_s: float = BUDGET_S,
    ) -> None:
        self._places = places
        self._longest = longest_queue
        self._lease_ms = round(lease_s * 1000)
        self._budget_s = budget_s
        self.url = url
        """Where Redis is."""
        self._link = RedisLink(url)

    async def enter(self, call_id: UUID) -> Entry:
        """Arrive, or ask again while waiting; asking again keeps one's turn. A call that has a
        place has it again, with whatever worker."""
        arguments = (str(call_id), self._places, self._longest, self._lease_ms, _FIRST_TALK_MS)

        async def work(client: Redis) -> list[int]:
            answer: list[int] = await client.register_script(_ENTER)(keys=_KEYS, args=arguments)
            return answer

        try:
            position, wait_ms = await self._link.run(work, budget_s=self._budget_s, patient=True)
        except SessionStoreAway as away:
            _log.warning("places_unknown", reason=str(away))
            return Entry(admitted=True)
        if position < 0:
            return Entry(full=True)
        return Entry(admitted=position == 0, position=position, wait_s=wait_ms / 1000)

    async def leave(
        self, call_id: UUID, *, talked_s: float = 0.0, may_return: bool = False
    ) -> None:
        """Give the turn or the place back: at once, or in `GRACE_S` where the call `may_return`,
        to another worker."""
        grace_ms = round(GRACE_S * 1000) if may_return else 0

        async def work(client: Redis) -> None:
            script = client.register_script(_LEAVE)
            await script(keys=_KEYS, args=(str(call_id), round(talked_s * 1000), grace_ms))

        await self._quietly(work)

    async def renew(self, call_ids: Sequence[UUID]) -> None:
        """Keep the places of calls that are still talking."""

        async def work(client: Redis) -> None:
            script = client.register_script(_RENEW)
            await script(keys=_KEYS, args=(self._lease_ms, *map(str, call_ids)))

        if call_ids:
            await self._quietly(work)

    async def keep_callback(self, call_id: UUID, number: str, language: str) -> bool:
        """Note that somebody wants to be called back; whether it is noted."""
        wish = json.dumps({"call_id": str(call_id), "number": number, "language": language})

        async def work(client: Redis) -> int:
            # Twice is once: a wish that is there already is moved to the end.
            await client.lrem("ivr:callbacks", 0, wish)
            kept: int = await client.rpush("ivr:callbacks", wish)
            return kept

        try:
            return await self._link.run(work, budget_s=self._budget_s, patient=True) > 0
        except SessionStoreAway as away:
            _log.warning("callback_not_kept", reason=str(away))
            return False

    async def close(self) -> None:
        """Let go of connections."""
        await self._link.close()

    async def _quietly(self, work: Callable[[Redis], Awaitable[None]]) -> None:
        try:
            await self._link.run(work, budget_s=self._budget_s)
        except SessionStoreAway as away:
            # The lease runs out by itself.
            _log.warning("places_unknown", reason=str(away))
