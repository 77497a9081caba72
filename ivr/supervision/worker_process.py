"""A worker as the supervisor sees it: a child process that answers `/live` and `/ready`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from ivr.errors import IvrError
from ivr.processes import is_stopped
from ivr.supervision.probe import status_of

_START_S = 60.0
_POLL_S = 0.05
_LONGEST_COMPLAINT = 4096
_LOOK_S = 0.1
"""Between two looks whether it is stopped, while it owes an answer."""
_ANSWER_S = 3.0
"""How late a worker may be that is not stopped: it may be busy, and to kill it would give its
callers to others that are no less so."""


class WorkerProcess:
    """One `ivrctl worker`. `environment` holds its `IVR_*` settings; `log` is the file that it logs
    to, where that is not to be seen.

    It drains when the process that started it ends, however it ends.
    """

    def __init__(
        self,
        name: str,
        host: str,
        http_port: int,
        environment: Mapping[str, str],
        *,
        deadline_s: float = _ANSWER_S,
        stop_s: float = 65.0,
        log: Path | None = None,
    ) -> None:
        self.name = name
        self._log = log
        self._host = host
        self._port = http_port
        self._environment = environment
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
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        log = self._log.open("ab") if self._log is not None else None
        try:
            self._process = process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "ivr.cli.main", "worker"),
                *("--parent", str(os.getpid()), "--complain-to", str(writing)),
                env={**os.environ, **self._environment},
                pass_fds=(writing,),
                stderr=log,
            )
            os.close(writing)
            writing = -1
            await self._ready(process, reading)
        finally:
            if log is not None:
                log.close()
            os.close(reading)
            if writing >= 0:
                os.close(writing)

    async def _ready(self, process: asyncio.subprocess.Process, complaints: int) -> None:
        try:
            async with asyncio.timeout(_START_S):
                while not await self._answers("/ready"):
                    if process.returncode is not None:
                        raise self._not_started(process.returncode, complaints)
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            self._kill()
            raise IvrError(
                f"{self.name} was not ready within {_START_S:.0f} s.",
                remedy="Look at its log lines above.",
            ) from None

    def _not_started(self, status: int, complaints: int) -> IvrError:
        with contextlib.suppress(BlockingIOError):
            sentence = os.read(complaints, _LONGEST_COMPLAINT).decode("utf-8", "replace")
            if sentence:
                return IvrError(sentence)
        return IvrError(
            f"{self.name} did not start (exit status {status}).",
            remedy="Its own message stands above.",
        )

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
