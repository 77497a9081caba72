"""Old recordings go; young ones, and what is none of ours, stay."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.storage.expiry import day_of, delete_older, keep_for

OLD = ("2026-01-01/a-1.wav", "2026-01-30/b-2.wav", "messages/desk/2026-01-31-c.wav")
KEPT = (
    "2026-02-01/d-4.wav",
    "messages/desk/2026-02-03-e.wav",
    "messages/desk/greeting.wav",
    "2026-01-01/notes.txt",
    "elsewhere/2026-01-01/f.wav",
    "2026-13-45/g.wav",
)


class Stopped:
    """A clock that stands."""

    def monotonic(self) -> float:
        return 0.0

    def now(self) -> datetime:
        return datetime(2026, 2, 8, 12, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (*OLD, *KEPT):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"RIFF")
    return tmp_path


def names(folder: Path) -> set[str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix() for path in files}


def test_what_was_made_before_the_day_goes_and_its_empty_day_with_it(folder: Path) -> None:
    assert delete_older(folder, date(2026, 2, 1)) == len(OLD)
    assert names(folder) == set(KEPT)
    assert not (folder / "2026-01-30").exists()
    assert delete_older(folder, date(2026, 2, 1)) == 0


async def test_a_worker_deletes_what_is_older_than_so_many_days(folder: Path) -> None:
    keeping = asyncio.create_task(keep_for(folder, 7, Stopped()))
    async with asyncio.timeout(10):
        while names(folder) != set(KEPT):
            await asyncio.sleep(0.01)
    keeping.cancel()


def test_a_folder_that_is_not_there_is_no_trouble(tmp_path: Path) -> None:
    assert delete_older(tmp_path / "none", date(2026, 2, 1)) == 0


@given(st.text())
def test_no_name_is_too_strange(name: str) -> None:
    day_of(name)
