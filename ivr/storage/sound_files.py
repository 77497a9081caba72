"""WAV files that grow while a call goes on, written by a thread of their own.

- Nothing on the event loop waits for the disk, whatever the disk does.
- A file that cannot be written is given up alone: full disk, no rights, a disk that hangs.
- Its header is true after every piece written, so that a worker that dies leaves a file that can
  be played, up to the last second.
- Only the user the worker runs as may read it.
"""

from __future__ import annotations

import asyncio
import os
import struct
import threading
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import IO

import numpy as np
import structlog

from ivr.audio.format import SAMPLE_BYTES

_MOST_WAITING = 4 << 20
"""Bytes of one file that may wait for the disk: two minutes of a stereo call."""
_CLOSE_S = 2.0
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")

_log = structlog.get_logger(__name__)


class SoundFiles:
    """Makes sound files below `folder`. Belongs to one event loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._jobs: SimpleQueue[SoundFile | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def open(self, name: str, *, rate: int, channels: int) -> SoundFile:
        """A file `name` (a path below the folder) of 16-bit PCM; made on disk with its first
        sound. Never raises."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._write, name="sound files", daemon=True)
            self._thread.start()
        return SoundFile(self._folder / name, rate, channels, self._jobs)

    async def close(self) -> None:
        """Write what waits, for 2 s at most."""
        if self._thread is not None:
            self._jobs.put(None)
            await asyncio.to_thread(self._thread.join, _CLOSE_S)

    def _write(self) -> None:
        unfinished: set[SoundFile] = set()
        while (file := self._jobs.get()) is not None:
            if file.work():
                unfinished.discard(file)
            else:
                unfinished.add(file)
        for file in unfinished:
            file.let_go()


class SoundFile:
    """One file. `write`, `close` and `discard` are for the event loop, `work` for the thread."""

    def __init__(
        self, path: Path, rate: int, channels: int, jobs: SimpleQueue[SoundFile | None]
    ) -> None:
        self.path = path
        self._rate = rate
        self._channels = channels
        self._jobs = jobs
        self._lock = threading.Lock()
        self._pieces: list[tuple[bytes, ...]] = []
        self._waiting = 0
        self._written = 0
        self._file: IO[bytes] | None = None
        self._failed = ""
        self._discarded = False
        self._finished: asyncio.Future[bool] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def write(self, *sides: bytes) -> None:
        """Add sound: one run of samples for each channel, all equally long. Never raises."""
        size = sum(map(len, sides))
        with self._lock:
            if self._failed or not size:
                return
            if self._waiting + size > _MOST_WAITING:
                self._fail("the disk is too slow")
                return
            self._pieces.append(sides)
            self._waiting += size
        self._jobs.put(self)

    @property
    def duration_ms(self) -> int:
        """How much sound was given to it, in ms."""
        with self._lock:
            size = self._written + self._waiting
        return size * 1000 // (self._rate * self._channels * SAMPLE_BYTES)

    async def close(self) -> bool:
        """Finish it, waiting 2 s at most; returns whether all of its sound is there."""
        self._loop = asyncio.get_running_loop()
        self._finished = self._loop.create_future()
        self._jobs.put(self)
        try:
            async with asyncio.timeout(_CLOSE_S):
                return await asyncio.shield(self._finished)
        except TimeoutError:
            with self._lock:
                self._fail("the disk does not answer")
            return False

    async def discard(self) -> None:
        """Finish it, and leave nothing of it."""
        self._discarded = True
        await self.close()

    def work(self) -> bool:
        """Write what waits, and close where that is asked for; returns whether it is closed.
        Blocks."""
        with self._lock:
            pieces, self._pieces = self._pieces, []
            failed = bool(self._failed)
        finished = self._finished
        try:
            if not failed and not self._discarded:
                self._append(pieces)
        except OSError as error:
            with self._lock:
                self._fail(error.strerror or str(error))
        if finished is None:
            return False
        if self._file is not None:
            self.let_go()
            if self._discarded:
                with suppress(OSError):
                    self.path.unlink()
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(_settle, finished, bool(self._written) and not self._failed)
        return True

    def let_go(self) -> None:
        """Close it as it is."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None

    def _append(self, pieces: list[tuple[bytes, ...]]) -> None:
        if not pieces:
            return
        sound = b"".join(map(_interleaved, pieces))
        if self._file is None:
            self._file = self._made()
        self._file.write(sound)
        with self._lock:
            self._written += len(sound)
            self._waiting -= len(sound)
        self._file.seek(0)
        self._file.write(self._header())
        self._file.seek(0, os.SEEK_END)
        self._file.flush()

    def _made(self) -> IO[bytes]:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        file = open(descriptor, "wb")  # noqa: SIM115 - closed by `work`
        file.write(self._header())
        return file

    def _header(self) -> bytes:
        frame = self._channels * SAMPLE_BYTES
        return _HEADER.pack(
            b"RIFF",
            self._written + _HEADER.size - 8,
            b"WAVE",
            b"fmt ",
            16,
            1,
            self._channels,
            self._rate,
            self._rate * frame,
            frame,
            SAMPLE_BYTES * 8,
            b"data",
            self._written,
        )

    def _fail(self, why: str) -> None:
        """Give it up; under the lock."""
        if not self._failed:
            self._failed = why
            self._pieces = []
            _log.error("sound_file_given_up", path=str(self.path), why=why)


def _interleaved(sides: tuple[bytes, ...]) -> bytes:
    if len(sides) == 1:
        return sides[0]
    return np.stack([np.frombuffer(side, "<i2") for side in sides], axis=1).tobytes()


def _settle(finished: asyncio.Future[bool], whole: bool) -> None:
    if not finished.done():
        finished.set_result(whole)
