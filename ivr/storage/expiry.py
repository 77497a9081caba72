"""Recordings and messages are deleted when they are old enough: by the day that is in their names,
so that copying a folder makes nothing younger, and what others put there stays."""

from __future__ import annotations

import asyncio
import re
from datetime import date, timedelta
from pathlib import Path

import structlog

from ivr.clock import Clock

_EVERY_S = 3600.0
_RECORDING = re.compile(r"(\d{4}-\d\d-\d\d)/[^/]+\.wav")
_MESSAGE = re.compile(r"messages/[^/]+/(\d{4}-\d\d-\d\d)-[^/]+\.wav")

_log = structlog.get_logger(__name__)


def day_of(name: str) -> date | None:
    """The day on which the sound file `name` (a path below the folder of recordings, with `/`) was
    made; None where it is no recording of ours."""
    found = _RECORDING.fullmatch(name) or _MESSAGE.fullmatch(name)
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


def delete_older(folder: Path, first_kept: date) -> int:
    """Delete the sound files made before `first_kept`, and days that are empty then; returns how
    many files. Blocks. What cannot be deleted is logged and left."""
    deleted = 0
    for path in sorted(folder.glob("**/*.wav")):
        day = day_of(path.relative_to(folder).as_posix())
        if day is None or day >= first_kept:
            continue
        try:
            path.unlink()
            deleted += 1
            if day_of(f"{path.parent.name}/x.wav") and not any(path.parent.iterdir()):
                path.parent.rmdir()
        except FileNotFoundError:
            continue  # another worker was quicker
        except OSError as error:
            _log.error("recording_not_deleted", path=str(path), why=error.strerror)
    return deleted


async def keep_for(folder: Path, days: int, clock: Clock) -> None:
    """Delete what is older than `days` whole days, at once and every hour. Until cancelled."""
    while True:
        first_kept = clock.now().date() - timedelta(days=days)
        if deleted := await asyncio.to_thread(delete_older, folder, first_kept):
            _log.info("recordings_deleted", files=deleted, made_before=str(first_kept))
        await asyncio.sleep(_EVERY_S)
