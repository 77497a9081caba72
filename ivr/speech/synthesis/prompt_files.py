"""Prompts on disk: one file each, noticed when damaged, bounded in size, shared by workers.

A file is a magic word, the SHA-256 of what follows, and the sound: linear 16-bit little-endian
mono at 8,000 Hz. It appears whole or not at all (written beside, then renamed), so that any
number of processes may share a folder. Nothing here raises: a prompt that cannot be kept is
made again next time.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import structlog

from ivr.audio.format import Audio

_MAGIC = b"ivr prompt 1\n"
_HEAD = len(_MAGIC) + hashlib.sha256().digest_size
_SUFFIX = ".prompt"
_UNFINISHED = ".unfinished"
_KEPT_AFTER_TRIM = 0.9
_UNFINISHED_S = 3600.0
_COUNTED_EVERY = 1 / 16
"""Of the bound: others write into the folder too, so it is counted anew after so much."""

_log = structlog.get_logger(__name__)


class PromptFiles:
    """The prompts of one folder, `max_bytes` of them at most; what was not used for longest
    goes first. `read` may be called on any thread, `write` on one at a time.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._size: int | None = None
        self._since_counted = 0
        self._complained = False

    def read(self, key: str) -> Audio | None:
        """Return the sound kept under `key`; None when there is none, or none that is whole."""
        path = self._path(key)
        try:
            raw = path.read_bytes()
        except OSError:
            return None
        pcm = raw[_HEAD:]
        if raw[:_HEAD] != _MAGIC + hashlib.sha256(pcm).digest() or len(pcm) % 2:
            _log.warning("prompt_damaged", file=path.name)
            with suppress(OSError):
                path.unlink()
            return None
        with suppress(OSError):
            os.utime(path)
        return Audio(pcm)

    def write(self, key: str, audio: Audio) -> None:
        """Keep a sound under `key`. A disk that is full or read-only is logged once."""
        raw = _MAGIC + hashlib.sha256(audio.pcm).digest() + audio.pcm
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._write_whole(self._path(key), raw)
            self._since_counted += len(raw)
            if self._size is not None:
                self._size += len(raw)
            if (
                self._size is None
                or self._size > self._max_bytes
                or self._since_counted > self._max_bytes * _COUNTED_EVERY
            ):
                self._size, self._since_counted = self._trim(), 0
        except OSError as error:
            if not self._complained:
                _log.warning("prompts_not_kept", folder=str(self._folder), reason=str(error))
            self._complained = True
        else:
            self._complained = False

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{_SUFFIX}"

    def _write_whole(self, path: Path, raw: bytes) -> None:
        descriptor, unfinished = tempfile.mkstemp(suffix=_UNFINISHED, dir=self._folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(raw)
            os.replace(unfinished, path)
        except OSError:
            with suppress(OSError):
                os.unlink(unfinished)
            raise

    def _trim(self) -> int:
        """Delete down to the bound where it is passed; return the bytes that are left."""
        # A process that was killed in mid-write leaves an unfinished file.
        left_behind = time.time() - _UNFINISHED_S
        found = []
        for entry in os.scandir(self._folder):
            with suppress(OSError):
                status = entry.stat()
                if entry.name.endswith(_SUFFIX):
                    found.append((status.st_mtime_ns, status.st_size, entry.path))
                elif entry.name.endswith(_UNFINISHED) and status.st_mtime < left_behind:
                    os.unlink(entry.path)
        size = sum(bytes_ for _, bytes_, _ in found)
        if size <= self._max_bytes:
            return size
        for _, bytes_, path in sorted(found):
            if size <= self._max_bytes * _KEPT_AFTER_TRIM:
                break
            with suppress(OSError):
                os.unlink(path)
                size -= bytes_
        return size
