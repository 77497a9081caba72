"""One server process of ours: started, looked at, killed."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_LAUNCH = Path(__file__).with_name("launch.py")
_LOG_LIMIT = 1 << 20
_POLL_S = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Whom a child runs as; `search` where it may pass folders that are closed to it."""

    uid: int
    gid: int
    search: bool = False


class _Spawner:
    """Forks on one thread that lives as long as the process.

    PR_SET_PDEATHSIG fires when the *thread* that forked ends: a server started on a pool's
    thread would die with the pool.
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[tuple[Future[Child], Callable[[], Child]]]
        self._jobs = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._pid = 0

    def run(self, job: Callable[[], Child]) -> Child:
        with self._lock:
            if self._pid != os.getpid():
                self._pid = os.getpid()
                threading.Thread(target=self._work, name="spawner", daemon=True).start()
        done: Future[Child] = Future()
        self._jobs.put((done, job))
        return done.result()

    def _work(self) -> None:
        while True:
            done, job = self._jobs.get()
            try:
                done.set_result(job())
            except BaseException as error:  # noqa: BLE001 - it is raised again where it belongs
                done.set_exception(error)


_spawner = _Spawner()


class Child:
    """A running command; its output goes to the end of `log`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @classmethod
    def start(
        cls, command: list[str], *, log: Path, user: User | None = None, cwd: Path | None = None
    ) -> Child:
        """Run `command`, bound to this process's life. Raises OSError."""
        who = f"{user.uid}:{user.gid}" if user else "-"
        search = "1" if user and user.search else "0"
        python = [sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid()), who, search]

        def spawn() -> Child:
            with suppress(OSError):
                if log.stat().st_size > _LOG_LIMIT:
                    log.unlink()
            with log.open("ab") as output:
                return cls(
                    subprocess.Popen(  # noqa: S603
                        [*python, *command],
                        stdin=subprocess.DEVNULL,
                        stdout=output,
                        stderr=output,
                        cwd=cwd,
                        # Ctrl-C at the terminal is for us: we decide the order of the end. And a
                        # session has a share of the processor of its own (sched(7), autogroup): a
                        # turn waits for Redis for 50 ms at most, whoever else is busy.
                        start_new_session=True,
                        env={"PATH": os.environ.get("PATH", os.defpath), "TZ": "UTC"},
                    )
                )

        return _spawner.run(spawn)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs (a frozen one does)."""
        return self._process.poll() is None

    @property
    def frozen(self) -> bool:
        """Whether it has been stopped by SIGSTOP, so that no polite signal reaches it."""
        return _state(self.pid) in "Tt"

    def end(self, polite: signal.Signals, timeout_s: float) -> None:
        """Ask it to end, and kill it where it does not (or cannot) listen."""
        if self.alive and not self.frozen:
            self._process.send_signal(polite)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout_s)
        self.kill()

    def kill(self) -> None:
        """End it now; reaps it."""
        self._process.kill()
        self._process.wait()

    def wait(self, timeout_s: float) -> int:
        """Exit status. Raises subprocess.TimeoutExpired."""
        return self._process.wait(timeout_s)


def _state(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "X"
    return stat.rpartition(")")[2].split()[0]


def processes_in(folder: Path, executable: Path) -> list[int]:
    """Processes of `executable` whose working directory is `folder`: ours, or left behind."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            runs = os.readlink(entry / "exe").removesuffix(" (deleted)")
            if runs == str(executable) and os.readlink(entry / "cwd") == str(folder):
                found.append(int(entry.name))
    return found


def sweep(folder: Path, executable: Path, *, timeout_s: float = 2.0) -> None:
    """Kill every process of `executable` in `folder`, and wait until all are gone.

    PostgreSQL's own children leave its process group, so a group kill would miss them.
    """
    deadline = time.monotonic() + timeout_s
    while pids := processes_in(folder, executable):
        for pid in pids:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            return
        time.sleep(_POLL_S)
