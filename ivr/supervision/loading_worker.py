"""A worker that is nobody yet: it loads its engines, then waits to be told which worker it is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from ivr.errors import IvrError
from ivr.processes import is_stopped

_LOAD_S = 60.0
_END_S = 2.0
"""For a process whose end of the line has closed."""


class LoadingWorker:
    """One `ivrctl worker`, from its start until it has been told; see `supervisor_link`.

    It ends when the process that started it does, however that ends.
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.process = process
        self._reader = reader
        self._writer = writer
        self._has_loaded = False

    @classmethod
    async def spawn(
        cls, environment: Mapping[str, str], log: Path | None, *, gently: bool = False
    ) -> LoadingWorker:
        """Start one with the `IVR_*` settings that all workers share; `log` is the file that it
        logs to, where that is not to be seen. `gently`: nobody waits for it, and workers with calls
        go before."""
        ours, theirs = socket.socketpair()
        with theirs, contextlib.ExitStack() as files:
            stderr = files.enter_context(log.open("ab")) if log is not None else None
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *("-m", "ivr.cli.main", "worker"),
                    *("--parent", str(os.getpid()), "--supervisor", str(theirs.fileno())),
                    *(["--gently"] if gently else []),
                    # What it multiplies is small; helpers would be in its calls' way.
                    env={"OPENBLAS_NUM_THREADS": "1", **os.environ, **environment},
                    pass_fds=(theirs.fileno(),),
                    stderr=stderr,
                )
            except BaseException:
                ours.close()
                raise
        try:
            reader, writer = await asyncio.open_unix_connection(sock=ours)
        except BaseException:
            ours.close()
            # Nobody else knows of it.
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise
        return cls(process, reader, writer)

    @property
    def usable(self) -> bool:
        """Whether it lives, and nothing has stopped it."""
        return self.process.returncode is None and not is_stopped(self.process.pid)

    async def loaded(self) -> None:
        """Wait until its engines are loaded. Raises IvrError with the reason where they cannot be,
        or where it takes too long."""
        if self._has_loaded:
            return
        said: dict[str, object] = {}
        try:
            async with asyncio.timeout(_LOAD_S):
                said = await self._heard()
        except TimeoutError:
            raise IvrError(f"A worker had not loaded its engines after {_LOAD_S:.0f} s.") from None
        if not said.get("loaded"):
            raise await self._not_started(said)
        self._has_loaded = True

    def appoint(self, settings: Mapping[str, str]) -> None:
        """Tell it which worker it is; it serves then. It has loaded: what it left unread when it
        ended would take its complaint along (unix(7))."""
        self._writer.write(json.dumps(dict(settings)).encode() + b"\n")

    async def not_started(self) -> IvrError:
        """Why it ended after it was told."""
        return await self._not_started(await self._heard())

    def kill(self) -> None:
        """End it, and let go of it."""
        self.release()
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()

    async def end(self) -> None:
        """Kill it, and wait until it has gone."""
        self.kill()
        await self.process.wait()

    def release(self) -> None:
        """There is nothing more to say to it."""
        self._writer.close()

    async def _heard(self) -> dict[str, object]:
        """What it says next; nothing where it has gone."""
        with contextlib.suppress(OSError, ValueError):
            said = json.loads(await self._reader.readline())
            if isinstance(said, dict):
                return said
        return {}

    async def _not_started(self, said: Mapping[str, object]) -> IvrError:
        if "complaint" in said:
            return IvrError(str(said["complaint"]))
        try:
            status = await asyncio.wait_for(self.process.wait(), _END_S)
        except TimeoutError:
            self.kill()
            status = await self.process.wait()
        return IvrError(
            f"A worker did not start (exit status {status}).",
            remedy="Its own message stands above.",
        )
