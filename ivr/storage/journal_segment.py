r"""One file of the journal: a header, then one JSON record a line.

    ivr-journal 1 0000000000000031\n      how many bytes of this file have been shipped
    {"call_id": ...}\n
    {"call_id": ...}\n

Rules:
- Whoever holds the file's flock owns it; the kernel lets go when the owner dies, and then
  another worker may adopt the file.
- A line counts when it ends. A last line that a crash has torn never counted.
- The shipped offset may be behind the truth (shipping twice is harmless), never before it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import time
from contextlib import suppress
from pathlib import Path

SUFFIX = ".journal"

_HEADER = b"ivr-journal 1 %016d\n"
_HEADER_BYTES = len(_HEADER % 0)
_HEADER_PATTERN = re.compile(rb"ivr-journal 1 (\d{16})\n")
_CHUNK = 1 << 16


class Segment:
    """A file of the journal that this process owns. One thread may append while another reads.

    `adopted` where another process has written it; `left` is for the journal's own counting of
    the lines that were not shipped.
    """

    def __init__(self, path: Path, fd: int, *, size: int, shipped: int, adopted: bool) -> None:
        self.path = path
        self.adopted = adopted
        self.left = 0
        self.torn = b""
        self._fd = fd
        self._size = size
        self._shipped = shipped

    @classmethod
    def create(cls, folder: Path, worker: str) -> Segment:
        """A new, empty file of ours. Raises OSError."""
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", worker)[:64]
        while True:
            path = folder / f"{name}-{os.getpid()}-{time.time_ns()}{SUFFIX}"
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(fd).st_nlink:
                    break
            except BlockingIOError:
                pass
            except OSError:
                os.close(fd)
                raise
            # Between the two calls somebody took it for an orphan, and has removed it or will.
            os.close(fd)
        segment = cls(path, fd, size=0, shipped=_HEADER_BYTES, adopted=False)
        try:
            segment.append(_HEADER % _HEADER_BYTES)
            _sync_folder(folder)
        except OSError:
            segment.remove()
            raise
        return segment

    @classmethod
    def adopt(cls, path: Path) -> Segment | None:
        """The file of a process that has died; None where its owner lives or it has gone.

        `torn` then holds what followed the last whole line. Raises OSError.
        """
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            found = os.fstat(fd)
            if not found.st_nlink:
                os.close(fd)
                return None
            size = _end_of_last_line(fd, found.st_size)
            segment = cls(path, fd, size=size, shipped=_shipped(fd, size), adopted=True)
            segment.torn = os.pread(fd, found.st_size - size, size)
        except BlockingIOError:
            os.close(fd)
            return None
        except OSError:
            os.close(fd)
            raise
        return segment

    @property
    def size(self) -> int:
        """Bytes of whole lines, with the header."""
        return self._size

    @property
    def finished(self) -> bool:
        """Whether everything in it has been shipped."""
        return self._shipped >= self._size

    def count(self) -> int:
        """How many lines have not been shipped. Raises OSError."""
        lines, at = 0, self._shipped
        while at < self._size:
            chunk = os.pread(self._fd, min(_CHUNK, self._size - at), at)
            if not chunk:
                break
            lines += chunk.count(b"\n")
            at += len(chunk)
        return lines

    def append(self, lines: bytes) -> None:
        """Add whole lines: all of them or, where OSError is raised, none."""
        end = self._size
        try:
            while lines:
                written = os.pwrite(self._fd, lines, end)
                end += written
                lines = lines[written:]
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._fd, self._size)
            raise
        self._size = end

    def sync(self) -> None:
        """Have the disk keep what was appended, through a loss of power. Raises OSError."""
        os.fdatasync(self._fd)

    def read(self, most: int) -> tuple[list[bytes], int]:
        """At most `most` lines that have not been shipped, without their ends, and the offset
        that they reach to; never none while it is not `finished`. Raises OSError.
        """
        start, end = self._shipped, self._size
        data = b""
        while start + len(data) < end and data.count(b"\n") < most:
            chunk = os.pread(self._fd, min(_CHUNK, end - start - len(data)), start + len(data))
            if not chunk:
                raise OSError(errno.EIO, "the file has been cut")
            data += chunk
        lines = data.split(b"\n")[:-1][:most]
        return lines, start + sum(len(line) + 1 for line in lines)

    def shipped_to(self, offset: int) -> None:
        """All before `offset` has been shipped."""
        self._shipped = offset
        # Where this fails, the same lines are shipped again after a crash, to no effect.
        with suppress(OSError):
            os.pwrite(self._fd, _HEADER % offset, 0)

    def set_aside(self) -> Path:
        """Let go of a file that cannot be read, under a name that nobody adopts."""
        aside = self.path.with_suffix(".unreadable")
        with suppress(OSError):
            self.path.rename(aside)
        self.close()
        return aside

    def remove(self) -> None:
        """Delete the file and let it go."""
        with suppress(OSError):
            self.path.unlink()
        self.close()

    def close(self) -> None:
        """Let the file go, for another to adopt."""
        os.close(self._fd)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _end_of_last_line(fd: int, size: int) -> int:
    end = size
    while end > 0:
        start = max(end - _CHUNK, 0)
        found = os.pread(fd, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _shipped(fd: int, size: int) -> int:
    """The offset of the header; where that cannot be so, the first line, to be looked at."""
    header = _HEADER_PATTERN.fullmatch(os.pread(fd, _HEADER_BYTES, 0))
    if header is None:
        return 0
    offset = int(header[1])
    if _HEADER_BYTES <= offset <= size and os.pread(fd, 1, offset - 1) == b"\n":
        return offset
    return _HEADER_BYTES
