"""What the embedded servers share: a folder of their own, one process, and an orderly end."""

from __future__ import annotations

import shutil
import signal
import threading
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from ivr.errors import IvrError
from ivr.storage.embedded.child import Child, processes_in, sweep
from ivr.storage.embedded.folder import FolderLock, cannot_start, make_folder, refuse_production


class EmbeddedServer(ABC):
    """A real server in `folder`, which is its alone.

    The methods block: call them off the event loop. They may be called from any thread. `env` is
    for tests; None takes the settings'.
    """

    NAME: ClassVar[str]
    START_S: ClassVar[float]
    """It must answer by then."""
    STOP_S: ClassVar[float]
    """It must have ended by then, once it was asked; else it is killed."""
    STOP_SIGNAL: ClassVar[signal.Signals]
    POLL_S: ClassVar[float]

    def __init__(self, folder: Path, *, env: str | None = None) -> None:
        self._folder = folder
        self._env = env
        self._lock = threading.RLock()
        self._ownership: FolderLock | None = None
        self._child: Child | None = None
        self._sockets = folder
        self._program = folder

    @property
    def url(self) -> str:
        """Where to connect; the same after each restart. Raises IvrError before `start`."""
        if self._ownership is None:
            raise IvrError(f"The embedded {self.NAME} was not started.", remedy="Call start first.")
        return self._url()

    @property
    def pid(self) -> int:
        """Process id of the first process; 0 when there is none."""
        return self._child.pid if self._child else 0

    @property
    def pids(self) -> list[int]:
        """Process ids of the server and of everything it has forked."""
        return processes_in(self._data, self._program)

    @property
    @abstractmethod
    def log(self) -> Path:
        """What the server says."""

    @abstractmethod
    def healthy(self, deadline_s: float) -> bool:
        """Whether it offers to work within `deadline_s`."""

    def start(self) -> None:
        """Start it and wait until it answers. Raises IvrError. Twice is harmless."""
        with self._lock:
            if self._child is not None and self._child.alive:
                return
            refuse_production(self._env)
            self._program = self._find_program()
            self._folder = make_folder(self._folder)
            ownership = self._ownership or FolderLock(self._folder, self.NAME)
            ownership.take()
            self._ownership = ownership
            try:
                # The folder is ours alone, so whatever still runs in it was left behind.
                sweep(self._data, self._program)
                self._child = self._launch()
                self._wait_healthy(self._child)
            except BaseException:
                self.stop()
                raise

    def restart(self) -> None:
        """Kill whatever there is of it, frozen or not, and start again. Raises IvrError."""
        with self._lock:
            self.kill()
            self.start()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        with self._lock:
            if self._child is not None:
                self._child.kill()
                self._child = None
                sweep(self._data, self._program)

    def stop(self) -> None:
        """Shut it down and give the folder up. Never raises."""
        with self._lock:
            if self._child is not None:
                self._child.end(self.STOP_SIGNAL, self.STOP_S)
                self._child = None
                sweep(self._data, self._program)
            if self._sockets not in (self._folder, self._data):
                shutil.rmtree(self._sockets, ignore_errors=True)
            if self._ownership is not None:
                self._ownership.release()
                self._ownership = None

    @property
    def _data(self) -> Path:
        """The folder its processes run in."""
        return self._folder

    @abstractmethod
    def _url(self) -> str: ...

    @abstractmethod
    def _find_program(self) -> Path: ...

    @abstractmethod
    def _launch(self) -> Child: ...

    def _wait_healthy(self, child: Child) -> None:
        deadline = time.monotonic() + self.START_S
        while not self.healthy(0.5):
            if not child.alive or time.monotonic() > deadline:
                raise cannot_start(self.NAME, self._folder, self.log)
            time.sleep(self.POLL_S)
