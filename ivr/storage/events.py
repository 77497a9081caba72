"""What happens in calls, as it happens, for whoever watches: best effort, never waited for."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from ivr.storage.redis_link import RedisLink, open_client
from ivr.storage.session import SessionStoreAway

CHANNEL = "ivr:events"
"""The Redis channel; one JSON object a message."""

_WAITING = 256
"""Events that wait at most; the oldest are dropped first."""
_TOGETHER_S = 0.05
"""What happens so soon after one another is sent together: a call with fifty others beside it is
worth more than an event that is seen at once."""
_BUDGET_S = 0.05
_PAUSE_S = 0.25

_log = structlog.get_logger(__name__)


class EventPublisher:
    """Publishes in order, behind the caller's back; what Redis cannot take now is dropped."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._waiting: deque[str] = deque(maxlen=_WAITING)
        self._task: asyncio.Task[None] | None = None

    def publish(self, event: Mapping[str, Any]) -> None:
        """Send an event to those who watch; returns at once, never raises."""
        if self._link.down:
            return
        try:
            self._waiting.append(json.dumps(event, default=str))
        except (TypeError, ValueError, RecursionError) as error:
            _log.error("event_not_json", why=str(error))
            return
        if self._task is None:
            self._task = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(_TOGETHER_S)
                messages = list(self._waiting)
                self._waiting.clear()
                await self._send(messages)
        except SessionStoreAway:
            self._waiting.clear()
        finally:
            self._task = None

    async def _send(self, messages: Sequence[str]) -> None:
        async def work(client: Redis) -> None:
            async with client.pipeline(transaction=False) as together:
                for message in messages:
                    together.publish(CHANNEL, message)
                await together.execute()

        await self._link.run(work, budget_s=_BUDGET_S)

    async def close(self) -> None:
        """Stop; what waits is sent, if that takes no longer than anything else."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        if self._waiting:
            with suppress(SessionStoreAway):
                await self._send(list(self._waiting))
            self._waiting.clear()


async def watch(url: str) -> AsyncIterator[dict[str, Any]]:
    """The events published from now on; connects again by itself, for ever.

    What is published while Redis is away is not seen.
    """
    while True:
        client = open_client(url, timeout_s=None)
        try:
            async with client.pubsub() as channel:
                await channel.subscribe(CHANNEL)
                async for message in channel.listen():
                    if message["type"] != "message":
                        continue
                    with suppress(ValueError, RecursionError):
                        event = json.loads(message["data"])
                        if isinstance(event, dict):
                            yield event
        except (RedisError, OSError):
            await asyncio.sleep(_PAUSE_S)
        finally:
            with suppress(RedisError, OSError):
                await client.aclose()
