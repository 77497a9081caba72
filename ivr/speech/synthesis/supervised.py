"""A synthesis process as its supervisor sees it: a child that answers pings."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ivr.errors import IvrError
from ivr.processes import is_stopped
from ivr.speech.synthesis.client import SynthesisClient
from ivr.speech.synthesis.engines import python_of, service_command, service_environment
from ivr.speech.synthesis.synthesiser import SynthesisFailed

_START_S = 15.0
_START_WITH_MODEL_S = 90.0
_STOP_S = 1.5
_POLL_S = 0.02
_PING_S = 0.25


class SynthesisProcess:
    """`python -m ivr.speech.synthesis.service` with the engine `kind` and its `models`, listening
    on `socket_path`, in a folder of its own where none is given (a socket's path has 107 bytes at
    most, see unix(7)).

    It dies with the process that started it.
    """

    def __init__(
        self,
        socket_path: Path | None = None,
        *,
        kind: str = "espeak",
        models: Sequence[str] = (),
    ) -> None:
        self.name = "synthesis" if kind == "espeak" else f"synthesis-{kind}"
        self._kind = kind
        self._models = tuple(models)
        self._folder: Path | None = None
        self._path = socket_path
        self._process: asyncio.subprocess.Process | None = None
        self._listening: asyncio.Task[None] | None = None
        self._complaint = ""
        self._started = False
        self._client: SynthesisClient | None = None

    @property
    def url(self) -> str:
        """Where it listens, for `SynthesisClient`. Known once it has been started."""
        if self._path is None:
            raise RuntimeError("the synthesis process has not been started")
        return f"unix:{self._path}"

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self) -> None:
        """Start it, and wait until it speaks. Raises IvrError when it cannot."""
        python_of(self._kind)
        if self._path is None:
            self._folder = Path(tempfile.mkdtemp(prefix="ivr-synthesis-"))
            self._path = self._folder / "socket"
        self._process = await asyncio.create_subprocess_exec(
            *service_command(self._kind, self.url, self._models, parent=os.getpid()),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=service_environment(dict(os.environ)),
        )
        self._started = False
        self._listening = asyncio.create_task(self._pass_on(self._process))
        self._client = SynthesisClient(self.url)
        start_s = _START_WITH_MODEL_S if self._models else _START_S
        try:
            async with asyncio.timeout(start_s):
                while not await self._answers(_PING_S):
                    if self._process.returncode is not None:
                        await self._listening
                        raise IvrError(
                            self._complaint.strip().rpartition("\n")[2]
                            or "The speech synthesis process did not start "
                            f"(exit status {self._process.returncode})."
                        )
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            await self._end(kill=True)
            raise IvrError(
                f"The speech synthesis process did not answer within {start_s:.0f} s.",
                remedy="See whether the machine is overloaded.",
            ) from None
        self._started = True

    async def healthy(self, deadline_s: float = 1.0) -> bool:
        """Whether it lives and answers a ping within `deadline_s`.

        One that was stopped by a signal is found at once, so that the deadline can be long
        enough for a busy machine.
        """
        pid = self.pid
        return pid is not None and not is_stopped(pid) and await self._answers(deadline_s)

    async def restart(self) -> None:
        """Kill what is left of it, and start it anew on the same socket."""
        await self._end(kill=True)
        await self.start()

    async def stop(self) -> None:
        """End it: asked first, killed where it does not listen. Twice is harmless."""
        await self._end(kill=False)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = self._path = None

    async def _pass_on(self, process: asyncio.subprocess.Process) -> None:
        """Keep the end of what it complains about; once it has started, pass it on as well."""
        assert process.stderr is not None
        self._complaint = ""
        while chunk := await process.stderr.read(4096):
            text = chunk.decode("utf-8", "replace")
            self._complaint = (self._complaint + text)[-1000:]
            if self._started:
                sys.stderr.write(text)

    async def _answers(self, deadline_s: float) -> bool:
        if self._client is None:
            return False
        try:
            await self._client.ping(deadline_s)
        except SynthesisFailed:
            return False
        return True

    async def _end(self, *, kill: bool) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill() if kill or is_stopped(process.pid) else process.terminate()
            try:
                await asyncio.wait_for(process.wait(), _STOP_S)
            except TimeoutError:
                process.kill()
        await process.wait()
        if self._listening is not None:
            await self._listening
            self._listening = None
