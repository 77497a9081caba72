"""What a process of this machine has used, from /proc (proc(5))."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_USER, _SYSTEM = 11, 12
"""Fields of `stat` behind the name: time in the program, and in the kernel for it."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process had used at a moment: CPU seconds, resident KiB."""

    at: float
    cpu_s: float
    rss_kib: int

    @classmethod
    def of(cls, pid: int) -> Usage:
        """Read it. Raises OSError when there is no such process."""
        folder = Path("/proc") / str(pid)
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        cpu_s = (int(fields[_USER]) + int(fields[_SYSTEM])) / _TICKS_A_SECOND
        pages = int((folder / "statm").read_text().split()[1])
        return cls(time.monotonic(), cpu_s, pages * os.sysconf("SC_PAGE_SIZE") // 1024)

    def cores_since(self, before: Usage) -> float:
        """Cores used between two moments, on average."""
        return (self.cpu_s - before.cpu_s) / (self.at - before.at)
