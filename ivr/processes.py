"""Processes of this machine: bound to the life of another, and what state one is in."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_PR_SET_PDEATHSIG = 1


def die_with(parent: int, number: signal.Signals) -> None:
    """Have the kernel send this process `number` when the thread that started it ends (prctl(2),
    PR_SET_PDEATHSIG); end at once where process `parent` has gone already.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        sys.exit(0)


def leave_ctrl_c_to_the_parent() -> None:
    """Be a process group of one's own: what is typed at the terminal is the parent's to answer,
    who decides the order of the end.

    A session of one's own (setsid) would do it too, but Linux shares the processor among
    sessions first and among their processes second (sched(7), autogroup), and a worker with many
    threads would be late for its calls.
    """
    # Refused to whoever leads a session, and then there is nobody to share a group with.
    with suppress(PermissionError):
        os.setpgrp()


def do_gently(work: Callable[[], T]) -> T:
    """Do `work` while every other process goes before, and return what it returns.

    It is done in a thread of its own: Linux keeps a niceness for each (setpriority(2), "C
    library/kernel differences"), and none may take its own back.
    """
    with ThreadPoolExecutor(1, "gently", lambda: os.setpriority(os.PRIO_PROCESS, 0, 19)) as pool:
        return pool.submit(work).result()


def is_stopped(pid: int) -> bool:
    """Whether a signal (SIGSTOP) has stopped the process, so that no polite one reaches it; see
    proc(5)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] in "Tt"
