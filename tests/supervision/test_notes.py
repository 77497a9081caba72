"""The word that `serve` leaves of what runs where."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ivr.supervision.notes import NOTES, ServeNotes, read_notes, remove_notes


@pytest.fixture
def notes(tmp_path: Path) -> ServeNotes:
    return ServeNotes(
        pid=os.getpid(),
        host="127.0.0.1",
        audiosocket_ports=(9092, 9093),
        freeswitch_ports=(9082, 9083),
        http_ports=(9072, 9073),
        database_url="postgresql://u:secret@h/d",
        redis_url="redis://h/0",
        synthesis_url="unix:/run/tts",
    )


def test_they_are_read_as_they_were_written(tmp_path: Path, notes: ServeNotes) -> None:
    notes.write(tmp_path)
    assert read_notes(tmp_path) == notes


def test_nobody_else_reads_them(tmp_path: Path, notes: ServeNotes) -> None:
    (tmp_path / NOTES).write_text("{}")
    (tmp_path / NOTES).chmod(0o644)
    notes.write(tmp_path)
    assert (tmp_path / NOTES).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [NOTES]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b'{"pid": -1}',
        b'{"pid": "' + b"9" * 400 + b'"}',
    ],
)
def test_what_is_no_note(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NOTES).write_bytes(content)
    assert read_notes(tmp_path) is None


def test_none_there(tmp_path: Path) -> None:
    assert read_notes(tmp_path) is None
    assert read_notes(tmp_path / "nowhere") is None
    remove_notes(tmp_path)


def test_a_serve_that_was_killed(tmp_path: Path, notes: ServeNotes) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    notes.model_copy(update={"pid": gone.pid}).write(tmp_path)
    assert read_notes(tmp_path) is None
    notes.model_copy(update={"pid": 2**62}).write(tmp_path)
    assert read_notes(tmp_path) is None


def test_only_its_own_are_removed(tmp_path: Path, notes: ServeNotes) -> None:
    other = notes.model_copy(update={"pid": os.getppid()})
    other.write(tmp_path)
    remove_notes(tmp_path)
    assert read_notes(tmp_path) == other
    notes.write(tmp_path)
    remove_notes(tmp_path)
    assert not (tmp_path / NOTES).exists()
