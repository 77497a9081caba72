"""A worker as the supervisor sees it: a child process that answers `/live` and `/ready`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from ivr.errors import IvrError
from ivr.processes import is_stopped
from ivr.supervision.loading_worker import LoadingWorker
from ivr.supervision.probe import status_of
from ivr.supervision.spare_workers import SpareWorkers

_START_S = 60.0
_POLL_S = 0.05
_LOOK_S = 0.1
"""Between two looks whether it is stopped, while it owes an answer."""
_ANSWER_S = 3.0
"""How late a worker may be that is not stopped: it may be busy, and to kill it would give its
callers to others that are no less so."""


class WorkerProcess:
    """One `ivrctl worker`. `environment` holds its `IVR_*` settings; `spares`: where its processes
    come from.

    It drains when the process that started it ends, however it ends.
    """

    def __init__(
        self,
        name: str,
        host: str,
        http_port: int,
        environment: Mapping[str, str],
        spares: SpareWorkers,
        *,
        deadline_s: float = _ANSWER_S,
        stop_s: float = 65.0,
    ) -> None:
        self.name = name
        self._host = host
        self._port = http_port
        self._environment = environment
        self._spares = spares
        self._deadline_s = deadline_s
        self._stop_s = stop_s
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self) -> None:
        """See `Ward.start`. What the worker cannot start for is the IvrError's sentence."""
        loading = await self._spares.take()
        self._process = loading.process
        try:
            await loading.loaded()
            loading.appoint(self._environment)
            await self._ready(loading)
        finally:
            loading.release()

    async def _ready(self, loading: LoadingWorker) -> None:
        try:
            async with asyncio.timeout(_START_S):
                while not await self._answers("/ready"):
                    if loading.process.returncode is not None:
                        raise await loading.not_started()
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            self._kill()
            raise IvrError(
                f"{self.name} was not ready within {_START_S:.0f} s.",
                remedy="Look at its log lines above.",
            ) from None

    async def healthy(self) -> bool:
        """See `Ward.healthy`."""
        answer = asyncio.ensure_future(self._answers("/live"))
        try:
            while True:
                pid = self.pid
                if pid is None or is_stopped(pid):
                    return False
                # One that is stopped after it was asked is not waited for.
                if (await asyncio.wait({answer}, timeout=_LOOK_S))[0]:
                    return answer.result()
        finally:
            answer.cancel()

    async def restart(self) -> None:
        """See `Ward.restart`."""
        self._kill()
        if self._process is not None:
            await self._process.wait()
        await self.start()

    async def stop(self) -> None:
        """See `Ward.stop`: it drains."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        if is_stopped(process.pid):
            self._kill()
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), self._stop_s)
        except TimeoutError:
            self._kill()
            await process.wait()

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def _answers(self, path: str) -> bool:
        return await status_of(self._host, self._port, path, self._deadline_s) == 200
