"""A worker as the supervisor sees it: a child process that answers `/live` and `/ready`."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Mapping

from ivr.errors import IvrError

_START_S = 60.0
_POLL_S = 0.05
_LONGEST_ANSWER = 65536
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent() -> None:
    """Drain when the supervisor dies, however it dies (prctl(2))."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class WorkerProcess:
    """One `ivrctl worker`. `environment` holds its `IVR_*` settings."""

    def __init__(
        self,
        name: str,
        host: str,
        http_port: int,
        environment: Mapping[str, str],
        *,
        deadline_s: float = 1.2,
        stop_s: float = 65.0,
    ) -> None:
        self.name = name
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
        """See `Ward.start`."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ivr.cli.main",
            "worker",
            env={**os.environ, **self._environment},
            preexec_fn=_die_with_parent,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(_START_S):
                while not await self._answers("/ready"):
                    if self._process.returncode is not None:
                        raise IvrError(
                            f"{self.name} did not start (exit status {self._process.returncode}).",
                            remedy="Its own message stands above.",
                        )
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            self._kill()
            raise IvrError(
                f"{self.name} was not ready within {_START_S:.0f} s.",
                remedy="Look at its log lines above.",
            ) from None

    async def healthy(self) -> bool:
        """See `Ward.healthy`."""
        return self.pid is not None and await self._answers("/live")

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


async def status_of(host: str, port: int, path: str, deadline_s: float) -> int | None:
    """Return the status of a GET, None when no answer came within `deadline_s`."""
    try:
        async with asyncio.timeout(deadline_s):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                line = await reader.readline()
                await reader.read(_LONGEST_ANSWER)
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return None
    parts = line.split()
    return int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else None
