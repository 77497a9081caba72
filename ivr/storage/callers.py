"""What a caller may go on with when they ring again, in Redis, by who they are.

    ivr:caller:{HMAC-SHA256 of the number, in hex}   the call's summary as JSON, for an hour

A number is never written down: without the key nobody can find it out, also not by trying all
there are.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
from datetime import timedelta
from typing import Protocol

import structlog
from pydantic import ValidationError
from redis.asyncio import Redis

from ivr.dialogue.returning import RETURNS_WITHIN, CallSummary
from ivr.storage.redis_link import RedisLink
from ivr.storage.session import SessionStoreAway

_RECALL_S = 0.1
"""How long a call's first words wait for what its caller did before."""
_REMEMBER_S = 1.0
_NUMBER = re.compile(r"\+?[0-9]{5,20}")

_log = structlog.get_logger(__name__)


class CallerMemory(Protocol):
    """Remembers callers by their number."""

    async def recall(self, caller: str) -> CallSummary | None:
        """What is kept of the caller's last call; None also where it cannot be found out. Never
        raises, waits 100 ms at most."""
        ...

    def remember(self, caller: str, summary: CallSummary | None) -> None:
        """Keep this from now on, or nothing. Returns at once, never raises, may be lost."""


class RedisCallers:
    """A `CallerMemory` in the Redis at `url`; `key` makes of numbers what nobody can read back.
    Belongs to one event loop."""

    def __init__(self, url: str, key: str) -> None:
        self._link = RedisLink(url)
        self._key = key.encode()
        self._tasks: set[asyncio.Task[None]] = set()

    async def recall(self, caller: str) -> CallSummary | None:
        """See `CallerMemory`."""
        name = self._name(caller)
        if name is None:
            return None

        async def work(client: Redis) -> str | None:
            found = await client.get(name)
            return None if found is None else str(found)

        try:
            text = await self._link.run(work, budget_s=_RECALL_S)
            return None if text is None else CallSummary.model_validate_json(text)
        except SessionStoreAway as away:
            _log.warning("caller_not_recalled", reason=str(away))
        except ValidationError as error:
            _log.error("caller_unreadable", errors=error.error_count())
        return None

    def remember(self, caller: str, summary: CallSummary | None) -> None:
        """See `CallerMemory`."""
        name = self._name(caller)
        if name is not None:
            task = asyncio.create_task(self._keep(name, summary, RETURNS_WITHIN))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _keep(self, name: str, summary: CallSummary | None, lasts: timedelta) -> None:
        async def work(client: Redis) -> None:
            if summary is None:
                await client.delete(name)
            else:
                await client.set(name, summary.model_dump_json(), ex=lasts)

        try:
            await self._link.run(work, budget_s=_REMEMBER_S, patient=True)
        except SessionStoreAway as away:
            _log.warning("caller_not_remembered", reason=str(away))

    def _name(self, caller: str) -> str | None:
        """Where a number's summary lies; None for what is no number."""
        if not _NUMBER.fullmatch(caller):
            return None
        digest = hmac.new(self._key, caller.lstrip("+").encode(), hashlib.sha256)
        return f"ivr:caller:{digest.hexdigest()}"

    async def close(self) -> None:
        """Write what is still on its way, then let go of connections."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_REMEMBER_S)
        await self._link.close()
