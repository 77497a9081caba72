"""A model's zip, unpacked without trusting it."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from ivr.errors import IvrError

MAX_FILES = 1_000
MAX_BYTES = 16 * 1024**3
"""Unpacked. The largest official model has 4.6 GB."""

_BLOCK = 1024 * 1024


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack `archive` into the new folder `folder`; return the folder that is the model's root.

    That is `folder` itself or the one folder in it. Raises IvrError for what is no zip, leads
    out of the folder, holds links or is larger than a model can be; OSError of the disk.
    """
    try:
        with zipfile.ZipFile(archive) as packed:
            members = packed.infolist()
            _refuse_unsafe(archive.name, members)
            folder.mkdir(parents=True)
            left = MAX_BYTES
            for member in members:
                left -= _extract(packed, member, folder, left)
                if left < 0:
                    raise _refused(archive.name, "is larger than any model")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
        raise IvrError(
            f"{archive.name} is no zip archive that can be read.",
            remedy="It may have been cut short: fetch it again.",
        ) from None
    inside = [entry for entry in folder.iterdir() if entry.name != "__MACOSX"]
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder


def _extract(packed: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, left: int) -> int:
    """Write one member; return its size, counted, because a header can say anything."""
    target = folder.joinpath(*PurePosixPath(member.filename).parts)
    if member.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return 0
    target.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with packed.open(member) as source, target.open("xb") as file:
        while block := source.read(_BLOCK):
            size += len(block)
            if size > left:
                break
            file.write(block)
    return size


def _refuse_unsafe(name: str, members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MAX_FILES or sum(member.file_size for member in members) > MAX_BYTES:
        raise _refused(name, "is larger than any model")
    for member in members:
        path = PurePosixPath(member.filename)
        if path.is_absolute() or ".." in path.parts or "\\" in member.filename:
            raise _refused(name, "would write outside its folder")
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _refused(name, "holds a link or a device")


def _refused(name: str, why: str) -> IvrError:
    return IvrError(f"{name} {why}.", remedy="It is not a Vosk model; do not use it.")


def copy_folder(source: Path, folder: Path) -> Path:
    """Copy a model's folder to the new folder `folder`; links are refused.

    Raises IvrError, and OSError of the disk.
    """
    size = 0
    for number, entry in enumerate(source.rglob("*")):
        if entry.is_symlink():
            raise IvrError(
                f"{entry} is a link, and a model is copied whole.",
                remedy="Give a folder without links.",
            )
        size += entry.stat().st_size
        if number > MAX_FILES or size > MAX_BYTES:
            raise _refused(str(source), "is larger than any model")
    shutil.copytree(source, folder)
    return folder
