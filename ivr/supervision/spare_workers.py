"""Workers that have loaded and wait: one of them stands in for a worker that was lost, so that its
callers' next turn needs nobody to load models first."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path

import structlog

from ivr.errors import IvrError
from ivr.supervision.loading_worker import LoadingWorker

_SETTLE_S = 3.0
"""Before another is loaded: the worker that took the last one's place takes up its calls first."""
_RETRY_S = 30.0
"""Before another try, where one could not load."""

_log = structlog.get_logger()


class SpareWorkers:
    """Keeps `count` workers loaded and waiting, from `start` to `close`. `environment`, `log`: see
    `LoadingWorker.spawn`."""

    def __init__(self, environment: Mapping[str, str], count: int, log: Path | None = None) -> None:
        self._environment = environment
        self._count = count
        self._log = log
        self._waiting: list[LoadingWorker] = []
        self._taken = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        """Of those that were of no use: until they have ended."""

    def start(self) -> None:
        """Begin to load them."""
        if self._count and self._keeper is None:
            self._keeper = asyncio.create_task(self._keep(), name="spare workers")

    async def take(self) -> LoadingWorker:
        """One that has loaded, where there is one; else one that has just begun to."""
        while self._waiting:
            spare = self._waiting.pop(0)
            self._taken.set()
            if spare.usable:
                return spare
            ending = asyncio.create_task(spare.end())
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
        return await LoadingWorker.spawn(self._environment, self._log)

    async def close(self) -> None:
        """End those that wait."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeper
        waiting, self._waiting = self._waiting, []
        await asyncio.gather(*(spare.end() for spare in waiting), *self._ending)

    async def _keep(self) -> None:
        pause_s = _SETTLE_S
        while True:
            await asyncio.sleep(pause_s)
            pause_s = _SETTLE_S
            try:
                while len(self._waiting) < self._count:
                    await self._load_one()
                await self._fewer()
            except (IvrError, OSError) as error:
                _log.error("spare_worker_not_loaded", reason=str(error), retry_s=_RETRY_S)
                pause_s = _RETRY_S

    async def _load_one(self) -> None:
        spare = await LoadingWorker.spawn(self._environment, self._log, gently=True)
        try:
            await spare.loaded()
        except BaseException:
            await spare.end()
            raise
        self._waiting.append(spare)
        _log.info("spare_worker_loaded", pid=spare.process.pid)

    async def _fewer(self) -> None:
        """Returns when one was taken or has died."""
        self._taken.clear()
        ends = [asyncio.create_task(spare.process.wait()) for spare in self._waiting]
        taken = asyncio.create_task(self._taken.wait())
        try:
            await asyncio.wait({taken, *ends}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (taken, *ends):
                task.cancel()
        for dead in [spare for spare in self._waiting if spare.process.returncode is not None]:
            self._waiting.remove(dead)
            dead.release()
