"""One Redis, and whether it is there: no caller ever waits for it longer than its budget.

Rules:
- An operation runs in a task of its own and is left behind when its budget is spent: a frozen
  server, or a client library that is slow to be cancelled, cannot hold a call up. Time in which
  this program was held up itself is not the server's: a busy worker is no reason to go without.
- After a failure nobody but one probe connects, until the probe has had an answer: 200 calls
  make no storm of connections. Meanwhile operations fail at once.
- A connection that went silent is never used again: its answers would come a command late.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import structlog
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from ivr.errors import IvrError
from ivr.storage.session import SessionStoreAway

T = TypeVar("T")

_PROBE_S = 0.2
"""How long a probe waits for an answer."""
_PAUSE_S = 0.1
"""How long between two probes; with the above: back within 0.3 s of Redis."""
_SLICE_S = 0.01
"""Whether we are late ourselves is looked at so often while an answer is waited for."""
_AT_ONCE = 16
"""Commands on their way at the same moment."""

_log = structlog.get_logger(__name__)


def open_client(url: str, *, timeout_s: float | None) -> Redis:
    """A client of `url` that neither retries nor asks the server more than it must.

    Raises IvrError where the URL is none.
    """
    try:
        pool = ConnectionPool.from_url(
            url,
            decode_responses=True,
            protocol=2,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
            max_connections=_AT_ONCE * 4,
        )
    except ValueError as error:
        raise IvrError(
            f"The Redis URL cannot be used: {error}.",
            remedy="Set IVR_REDIS_URL like redis://host:6379/0 or unix:///path?db=0.",
        ) from None
    return Redis.from_pool(pool)


class RedisLink:
    """Runs operations on Redis within budgets. Belongs to one event loop."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = open_client(url, timeout_s=_PROBE_S)
        self._up = asyncio.Event()
        self._known = False
        self._closed = False
        self._probe: asyncio.Task[None] | None = None
        self._working: set[asyncio.Task[Any]] = set()
        self._closings: set[asyncio.Task[None]] = set()
        self._gate = asyncio.Semaphore(_AT_ONCE)

    @property
    def up(self) -> bool:
        """Whether the last thing we know of Redis is that it answered."""
        return self._up.is_set()

    @property
    def down(self) -> bool:
        """Whether Redis was tried and did not answer; before the first try this is False too."""
        return self._known and not self._up.is_set()

    async def wait_up(self) -> None:
        """Wait, without bound, until Redis answers."""
        self._ensure_probe()
        await self._up.wait()

    async def run(
        self, work: Callable[[Redis], Awaitable[T]], *, budget_s: float, patient: bool = False
    ) -> T:
        """`work(client)`, in `budget_s` at most. It must be harmless to do `work` twice, and to
        do it late. `patient` waits for a Redis that is away, within the budget.

        Raises SessionStoreAway.
        """
        deadline = asyncio.get_running_loop().time() + budget_s
        for attempt in (1, 2):
            # A connection may have broken only because Redis was started again meanwhile.
            await self._wait_for_redis(deadline, patient=patient or attempt == 2)
            client = self._client
            task = self._begin(self._gated(client, work))
            try:
                deadline += await _wait(task, self._left(deadline))
            finally:
                task.cancel()
            if not task.done():
                self._lost(client, "no answer in time")
                break
            error = task.exception()
            if error is None:
                return task.result()
            if isinstance(error, (RedisConnectionError, RedisTimeoutError, OSError)):
                self._lost(client, str(error) or type(error).__name__)
            elif isinstance(error, RedisError):
                # It is there and refuses: full memory, full disk, no rights. Trying again at
                # once would only hear the same.
                raise SessionStoreAway(f"Redis refused: {error}.") from error
            else:
                raise error
            if attempt == 2:
                break
        raise SessionStoreAway("Redis does not answer.", remedy="See that it runs.")

    async def _gated(self, client: Redis, work: Callable[[Redis], Awaitable[T]]) -> T:
        async with self._gate:
            return await work(client)

    async def _wait_for_redis(self, deadline: float, *, patient: bool) -> None:
        if self._closed or (self.down and not patient):
            raise SessionStoreAway("Redis does not answer.", remedy="See that it runs.")
        if self._up.is_set():
            return
        self._ensure_probe()
        try:
            async with asyncio.timeout(self._left(deadline)):
                await self._up.wait()
        except TimeoutError:
            raise SessionStoreAway("Redis does not answer.", remedy="See that it runs.") from None

    @staticmethod
    def _left(deadline: float) -> float:
        return max(deadline - asyncio.get_running_loop().time(), 0.0)

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._working.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._working.discard(task)
        # Nobody may be left to ask for it.
        if not task.cancelled():
            task.exception()

    def _lost(self, client: Redis, why: str) -> None:
        if client is not self._client or self._closed:
            return
        if self._up.is_set():
            _log.warning("redis_away", why=why)
        self._known = True
        self._up.clear()
        self._renew()
        self._ensure_probe()

    def _renew(self) -> None:
        old, self._client = self._client, open_client(self._url, timeout_s=_PROBE_S)
        self._close_later(old)

    def _close_later(self, client: Redis) -> None:
        # A connection goes back to its pool when the work on it ends; one that comes back after
        # the pool was closed would stay open. All work ends within its budget.
        task = asyncio.create_task(_close(client, after=frozenset(self._working)))
        self._closings.add(task)
        task.add_done_callback(self._closings.discard)

    def _ensure_probe(self) -> None:
        if not self._up.is_set() and not self._closed and self._probe is None:
            self._probe = asyncio.create_task(self._probing())

    async def _probing(self) -> None:
        try:
            while True:
                ping = self._begin(_ping(self._client))
                try:
                    await _wait(ping, _PROBE_S)
                finally:
                    ping.cancel()
                error = ping.exception() if ping.done() else None
                if ping.done() and error is None:
                    break
                if not self._known:
                    _log.warning("redis_away", why=str(error or "no answer in time"))
                self._known = True
                self._renew()
                await asyncio.sleep(_PAUSE_S)
            if self._known:
                _log.info("redis_back")
            self._known = True
            self._up.set()
        finally:
            self._probe = None

    async def close(self) -> None:
        """Let go of every connection."""
        self._closed = True
        self._up.clear()
        if self._probe is not None:
            self._probe.cancel()
            await asyncio.wait({self._probe})
        self._close_later(self._client)
        await asyncio.wait(set(self._closings), timeout=1.0)


async def _wait(task: asyncio.Task[Any], budget_s: float) -> float:
    """Wait until the task is done, `budget_s` at most, without the time in which this program
    itself was held up: the answer may be lying there. Returns that time, in seconds."""
    left, held_up = budget_s, 0.0
    while not task.done() and left > 0:
        asked, began = min(left, _SLICE_S), time.monotonic()
        await asyncio.wait({task}, timeout=asked)
        late = max(time.monotonic() - began - asked, 0.0)
        left -= asked
        if late > _SLICE_S:
            held_up += late
            left = max(left, _SLICE_S)
    return held_up


async def _ping(client: Redis) -> None:
    await client.execute_command("PING")  # type: ignore[no-untyped-call]


async def _close(client: Redis, *, after: frozenset[asyncio.Task[Any]]) -> None:
    if after:
        await asyncio.wait(after)
    with suppress(RedisError, OSError):
        await client.aclose()
