"""The example bank's API server as a child process, for the demo and for development."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys

from ivr.errors import IvrError
from ivr.ports import free_ports
from ivr.processes import is_stopped
from ivr.supervision.probe import status_of

_START_S = 15.0
_HOST = "127.0.0.1"
"""Nobody but the workers of this machine asks it."""


class BankProcess:
    """`python -m ivr.integrations.bank_api` on a free port. It ends with the process that started
    it, however that ends."""

    name = "bank-api"

    def __init__(self) -> None:
        self._port = free_ports(1, _HOST)[0]
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://{_HOST}:{self._port}"

    async def start(self) -> None:
        """See `Ward.start`."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "ivr.integrations.bank_api"),
            *("--host", _HOST, "--port", str(self._port), "--parent", str(os.getpid())),
            stdin=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(_START_S):
                while not await self.healthy():
                    if self._process.returncode is not None:
                        raise IvrError("The example bank's API server did not start.")
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise IvrError("The example bank's API server did not answer in time.") from None

    async def healthy(self) -> bool:
        """See `Ward.healthy`."""
        return await status_of(_HOST, self._port, "/stats", 1.0) == 200

    async def restart(self) -> None:
        """See `Ward.restart`."""
        await self._end(kill=True)
        await self.start()

    async def stop(self) -> None:
        """See `Ward.stop`."""
        await self._end(kill=False)

    async def _end(self, *, kill: bool) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill() if kill or is_stopped(process.pid) else process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 3)
        except TimeoutError:
            process.kill()
            await process.wait()
