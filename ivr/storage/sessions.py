"""Live sessions in Redis.

    ivr:session:{call id}   the session as JSON
    ivr:epoch:{call id}     hash: `epoch` of the worker that has the call, `saved` number of its
                            last save
    ivr:calls:{worker}      hash: call id to epoch, of the calls that a worker has

A frozen Redis that wakes still carries out what was sent to it and given up long ago, in any
order. So every script is harmless when it comes late: a claim names the epoch it read before and
changes nothing once that has moved on, and a save carries a number and never replaces a later
one.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from pydantic import ValidationError
from redis.asyncio import Redis

from ivr.storage.events import EventPublisher, watch
from ivr.storage.json_text import to_json
from ivr.storage.redis_link import RedisLink
from ivr.storage.session import Session, SessionFenced, SessionStoreAway

TTL_S = 3600
"""How long a session outlives its last save."""

_CLAIM_S = 0.15
_RETRY_S = 0.25
_FORGET_MS = 1000
_KEPT_CALLS = 2048
_KEPT_S = 900.0
_FENCED_CALLS = 4096

_CLAIM = """
local epoch = redis.call('HGET', KEYS[1], 'epoch') or '0'
if epoch ~= ARGV[1] then return {0} end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1] + 1, 'saved', 0)
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[2])
redis.call('HSET', KEYS[3], ARGV[3], ARGV[1] + 1)
redis.call('EXPIRE', KEYS[3], ARGV[2])
return {ARGV[1] + 1, redis.call('GET', KEYS[2])}
"""

_LET_GO = """
if redis.call('HGET', KEYS[3], ARGV[2]) == ARGV[1] then redis.call('HDEL', KEYS[3], ARGV[2]) end
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return {0} end
return {1, redis.call('GET', KEYS[2])}
"""

_SAVE = """
local kept = redis.call('HMGET', KEYS[1], 'epoch', 'saved')
local epoch, mine = tonumber(kept[1] or '0'), tonumber(ARGV[1])
if epoch > mine then return 0 end
if epoch == mine and tonumber(kept[2] or '0') > tonumber(ARGV[2]) then return 1 end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'saved', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('SET', KEYS[2], ARGV[3], 'EX', ARGV[4])
return 1
"""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Kept:
    session: Session
    epoch: int
    number: int
    since: float


class RedisSessionStore:
    """Live sessions in the Redis at `url`. Belongs to one event loop.

    `save`, unless told otherwise, and `keep` wait `timeout_ms` at most, `claim` 150 ms, whatever
    Redis does. `on_fenced` is called, on the event loop, when a session kept for later turns out
    to be another worker's. `worker` is a name that no other has at the same time: what the last
    one of that name has left behind is ours to settle.
    """

    def __init__(
        self,
        url: str,
        timeout_ms: float = 50,
        *,
        worker: str = "",
        on_fenced: Callable[[UUID], None] | None = None,
    ) -> None:
        self._url = url
        self._timeout_s = timeout_ms / 1000
        self._calls_key = f"ivr:calls:{worker}"
        self._on_fenced = on_fenced
        self._link = RedisLink(url)
        self._events = EventPublisher(self._link)
        self._numbers = itertools.count(1)
        self._kept: OrderedDict[UUID, _Kept] = OrderedDict()
        self._fenced: OrderedDict[UUID, int] = OrderedDict()
        self._keeper: asyncio.Task[None] | None = None
        self._forgetting: set[asyncio.Task[None]] = set()

    @property
    def up(self) -> bool:
        """Whether Redis answered when it was last asked."""
        return self._link.up

    @property
    def kept(self) -> int:
        """Calls whose newest session waits for Redis."""
        return len(self._kept)

    async def claim(
        self, call_id: UUID, *, within_ms: float | None = None
    ) -> tuple[int, Session | None]:
        """See `SessionStore.claim`. Waits 150 ms at most, or `within_ms`."""

        async def work(client: Redis) -> tuple[int, str | None]:
            script = client.register_script(_CLAIM)
            keys = [*_keys(call_id), self._calls_key]
            while True:
                before = await client.hget(keys[0], "epoch") or "0"
                answer = await script(keys=keys, args=[before, TTL_S, str(call_id)])
                if int(answer[0]):
                    return int(answer[0]), answer[1] if len(answer) > 1 else None

        budget_s = _CLAIM_S if within_ms is None else within_ms / 1000
        epoch, text = await self._link.run(work, budget_s=budget_s, patient=True)
        self._kept.pop(call_id, None)
        self._fenced.pop(call_id, None)
        if text is None:
            return epoch, None
        try:
            return epoch, Session.model_validate_json(text)
        except ValidationError as error:
            _log.error("session_unreadable", call_id=str(call_id), why=str(error))
            return epoch, None

    async def save(self, session: Session, epoch: int, *, within_ms: float | None = None) -> None:
        """See `SessionStore.save`. Waits `timeout_ms` at most, or `within_ms`, then also for a
        Redis that is away."""
        number = next(self._numbers)
        patient = within_ms is not None
        budget_s = within_ms / 1000 if within_ms is not None else self._timeout_s
        await self._save(session, epoch, number, budget_s, patient=patient)
        self._settle(session.call_id, number)

    async def keep(self, session: Session, epoch: int) -> bool:
        """Save, and where Redis is away go on trying behind the caller's back until the session
        is saved, superseded by a newer one or forgotten (15 minutes, 2,048 calls at most).

        True when it is saved already. Waits `timeout_ms` at most; raises SessionFenced only.
        """
        number = next(self._numbers)
        try:
            await self._save(session, epoch, number, self._timeout_s)
        except SessionStoreAway:
            waiting = self._kept.get(session.call_id)
            if waiting is None or waiting.number < number:
                since = time.monotonic()
                self._kept[session.call_id] = _Kept(session, epoch, number, since)
                self._kept.move_to_end(session.call_id)
            while len(self._kept) > _KEPT_CALLS:
                call_id, _ = self._kept.popitem(last=False)
                _log.error("session_dropped", call_id=str(call_id), why="too many wait for Redis")
            if self._keeper is None:
                self._keeper = asyncio.create_task(self._keeping())
            return False
        self._settle(session.call_id, number)
        return True

    def forget(self, call_id: UUID, epoch: int) -> None:
        """See `SessionStore.forget`."""
        self._kept.pop(call_id, None)
        self._fenced.pop(call_id, None)
        if epoch:
            task = asyncio.create_task(self._forget(call_id, epoch))
            self._forgetting.add(task)
            task.add_done_callback(self._forgetting.discard)

    async def _forget(self, call_id: UUID, epoch: int) -> None:
        with suppress(SessionStoreAway):
            await self.let_go(call_id, epoch, within_ms=_FORGET_MS)

    async def left_behind(self) -> dict[UUID, int]:
        """The calls, with their epochs, that the last worker of our name had when it died. Raises
        SessionStoreAway."""

        async def work(client: Redis) -> dict[str, str]:
            held = await client.hgetall(self._calls_key)
            return {str(call_id): str(epoch) for call_id, epoch in held.items()}

        found = await self._link.run(work, budget_s=_FORGET_MS / 1000, patient=True)
        return {UUID(call_id): int(epoch) for call_id, epoch in found.items()}

    async def let_go(
        self, call_id: UUID, epoch: int, *, within_ms: float
    ) -> tuple[bool, Session | None]:
        """The worker that had the call with this epoch has it no more. Whether nobody has taken it
        since, and the session that was left. Raises SessionStoreAway."""

        async def work(client: Redis) -> list[Any]:
            script = client.register_script(_LET_GO)
            keys = [*_keys(call_id), self._calls_key]
            return list(await script(keys=keys, args=[epoch, str(call_id)]))

        answer = await self._link.run(work, budget_s=within_ms / 1000, patient=True)
        text = answer[1] if len(answer) > 1 else None
        try:
            session = Session.model_validate_json(text) if text else None
        except ValidationError as error:
            _log.error("session_unreadable", call_id=str(call_id), why=str(error))
            session = None
        return bool(int(answer[0])), session

    def _settle(self, call_id: UUID, number: int) -> None:
        waiting = self._kept.get(call_id)
        if waiting is not None and waiting.number <= number:
            del self._kept[call_id]

    async def _save(
        self,
        session: Session,
        epoch: int,
        number: int,
        budget_s: float,
        *,
        patient: bool = False,
    ) -> None:
        call_id = session.call_id
        if self._fenced.get(call_id, -1) >= epoch:
            raise _fenced(call_id)
        text = to_json(session)

        async def work(client: Redis) -> int:
            script = client.register_script(_SAVE)
            answer = await script(keys=_keys(call_id), args=(epoch, number, text, TTL_S))
            return int(answer)

        if not await self._link.run(work, budget_s=budget_s, patient=patient):
            self._kept.pop(call_id, None)
            self._fenced[call_id] = epoch
            while len(self._fenced) > _FENCED_CALLS:
                self._fenced.popitem(last=False)
            raise _fenced(call_id)

    async def _keeping(self) -> None:
        try:
            while self._kept:
                await self._link.wait_up()
                for call_id, kept in list(self._kept.items()):
                    if self._kept.get(call_id) is not kept:
                        continue
                    if time.monotonic() - kept.since > _KEPT_S:
                        del self._kept[call_id]
                        continue
                    try:
                        await self._save(kept.session, kept.epoch, kept.number, _RETRY_S)
                    except SessionFenced:
                        if self._on_fenced is not None:
                            self._on_fenced(call_id)
                    except SessionStoreAway:
                        # It refuses rather than being gone, or it has just gone again.
                        await asyncio.sleep(_RETRY_S)
                        break
                    else:
                        self._settle(call_id, kept.number)
        finally:
            self._keeper = None

    def publish(self, event: Mapping[str, Any]) -> None:
        """Tell whoever watches; returns at once, never raises, may be lost."""
        self._events.publish(event)

    def subscribe(self) -> AsyncIterator[dict[str, Any]]:
        """What `publish` sends from now on, from all workers; see `ivr.storage.events.watch`."""
        return watch(self._url)

    async def close(self) -> None:
        """See `SessionStore.close`. Sessions that still wait are given one last try."""
        if self._keeper is not None:
            await asyncio.wait({self._keeper}, timeout=_RETRY_S if self._link.up else 0)
            if self._keeper is not None:
                self._keeper.cancel()
                await asyncio.wait({self._keeper})
        if self._forgetting:
            await asyncio.wait(self._forgetting, timeout=_RETRY_S)
        await self._events.close()
        await self._link.close()


def _keys(call_id: UUID) -> tuple[str, str]:
    return f"ivr:epoch:{call_id}", f"ivr:session:{call_id}"


def _fenced(call_id: UUID) -> SessionFenced:
    return SessionFenced(f"Call {call_id} has been taken over by another worker.")
