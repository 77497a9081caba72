"""The folder of an embedded server: who owns it, where its socket goes, what it says of faults."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import importlib.util
import os
import shutil
import stat
import tempfile
from pathlib import Path

from ivr.errors import IvrError
from ivr.settings import load_settings

_SOCKET_PATH_BYTES = 107
"""Longest path of a unix socket: sun_path is 108 bytes with its end, see unix(7)."""

_EXTRA = "pip install 'ivr[embedded]'"
_NO_SPACE = ("No space left on device", "Disk quota exceeded", "could not write to file")


def refuse_production(env: str | None) -> None:
    """Raise IvrError in production: there the servers are someone's care, backed up and watched."""
    if (env or load_settings().env) == "production":
        raise IvrError(
            "Embedded servers are refused in production.",
            remedy="Set IVR_DATABASE_URL and IVR_REDIS_URL.",
        )


def package_folder(package: str, server: str) -> Path:
    """Where a pip package lies, without importing it. Raises IvrError where it does not."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise IvrError(
            f"The embedded {server} is not installed.",
            remedy=f"Install it ({_EXTRA}), or give the URL of a server of yours.",
        )
    return Path(spec.submodule_search_locations[0]).resolve()


def make_folder(folder: Path) -> Path:
    """The folder, made where it is missing, absolute. Raises IvrError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_use(folder, error) from None
    return folder.resolve()


def cannot_use(folder: Path, error: OSError) -> IvrError:
    """The sentence for a folder that the machine would not let us use."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(folder)
    return IvrError(
        f"Folder {folder} cannot be used: {error.strerror or error}.",
        remedy="Set IVR_VAR_DIR to a folder that may be written.",
    )


def disk_full(folder: Path) -> IvrError:
    """The sentence for a full disk."""
    return IvrError(
        f"The disk that holds {folder} is full.",
        remedy="Make room, or set IVR_VAR_DIR to a folder on another disk.",
    )


def require_space(folder: Path, mebibytes: int) -> None:
    """Raise IvrError where `folder`'s disk has no room: on a full one a server cannot even say
    in its log why it does not start.
    """
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise cannot_use(folder, error) from None
    if free < mebibytes << 20:
        raise disk_full(folder)


def cannot_start(server: str, folder: Path, log: Path) -> IvrError:
    """Why a server did not start, out of the end of its log."""
    try:
        tail = log.read_bytes()[-4096:].decode("utf-8", "replace")
    except OSError:
        tail = ""
    lines = [line for line in tail.splitlines() if line.strip()]
    if any(sign in line for sign in _NO_SPACE for line in lines[-20:]):
        return disk_full(folder)
    said = next((line for line in reversed(lines) if "FATAL" in line or "rror" in line), "")
    said = said or (lines[-1] if lines else "it said nothing")
    return IvrError(
        f"The embedded {server} in {folder} does not start: {said.strip()}.",
        remedy=f"See {log}; the folder may be removed if its data is not wanted.",
    )


class FolderLock:
    """Ownership of a folder, given up by the kernel when this process ends, however it ends."""

    def __init__(self, folder: Path, server: str) -> None:
        self._folder = folder
        self._server = server
        self._fd = -1

    def take(self) -> None:
        """Own the folder. Raises IvrError where another process does."""
        if self._fd >= 0:
            return
        try:
            fd = os.open(self._folder / "owner.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise cannot_use(self._folder, error) from None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            raise IvrError(
                f"The embedded {self._server} in {self._folder} is in use by another process.",
                remedy="Stop that process, or set IVR_VAR_DIR to another folder.",
            ) from None
        self._fd = fd

    def release(self) -> None:
        """Give the folder up."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def socket_folder(folder: Path, name: str, *, uid: int, gid: int) -> Path:
    """A folder closed to others in which the socket `name` has a path short enough.

    `folder` itself where it is short, else one of the same name every time in the temporary
    folder, so that kills leave no heap of them. Raises IvrError.
    """
    if len(os.fsencode(folder / name)) <= _SOCKET_PATH_BYTES:
        return folder
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    for base in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 - checked below
        short = base / f"ivr-{uid}-{digest}"
        if len(os.fsencode(short / name)) > _SOCKET_PATH_BYTES:
            continue
        try:
            short.mkdir(mode=0o700, exist_ok=True)
            found = short.lstat()
            private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
            if not private or found.st_uid not in (uid, os.geteuid()):
                raise IvrError(f"{short} belongs to somebody else.", remedy="Remove it.")
            if found.st_uid != uid:
                os.chown(short, uid, gid)
        except OSError as error:
            raise cannot_use(short, error) from None
        return short
    raise IvrError(
        f"No path for a socket of {folder} is short enough.",
        remedy="Set TMPDIR to a folder with a short path.",
    )
