"""Versions of flows, kept for the calls that began in them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ivr.dialogue.flow import Flow
from ivr.errors import IvrError
from ivr.storage.flow_archive import KEPT_S, FlowArchive
from tests.dialogue.talking import BANK


def begun_with(folder: Path, path: Path) -> Flow:
    """The flow of a file that a worker with this folder has begun with."""
    archive = FlowArchive(folder)
    flow = archive.load(path)
    archive.keep()
    return flow


def test_a_version_outlives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "bank.json"
    path.write_text(BANK.read_text())
    old = begun_with(tmp_path / "kept", path)
    path.write_text(BANK.read_text().replace("How can I help you today?", "How may I help?"))
    later = FlowArchive(tmp_path / "kept")
    new = later.load(path)
    assert new.version != old.version
    again = later.version(old.version)
    assert again is not None
    assert again.version == old.version
    assert again.text("how_can_i_help", "en").static == "How can I help you today?"
    assert later.version(new.version) is new


def test_languages_beside_the_flow_are_kept_too(tmp_path: Path) -> None:
    flow = begun_with(tmp_path, BANK)
    again = FlowArchive(tmp_path).version(flow.version)
    assert again is not None
    assert again.languages == ("en", "hi", "es")


@pytest.mark.parametrize("version", ["gone", "", "../../etc/passwd"])
def test_what_is_not_kept_is_none(version: str, tmp_path: Path) -> None:
    assert FlowArchive(tmp_path).version(version) is None


def test_what_is_damaged_is_none(tmp_path: Path) -> None:
    flow = begun_with(tmp_path, BANK)
    (tmp_path / f"{flow.version}.json").write_text('{"file": "x"')
    assert FlowArchive(tmp_path).version(flow.version) is None


def test_old_versions_go(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text("{}")
    long_ago = time.time() - KEPT_S - 60
    os.utime(tmp_path / "old.json", (long_ago, long_ago))
    flow = begun_with(tmp_path, BANK)
    assert [path.stem for path in tmp_path.iterdir()] == [flow.version]


def test_what_was_loaded_long_before_a_worker_began_with_it_is_kept_from_then(
    tmp_path: Path,
) -> None:
    spare = FlowArchive(tmp_path)
    flow = spare.load(BANK)
    assert list(tmp_path.iterdir()) == []
    spare.keep()
    assert FlowArchive(tmp_path).version(flow.version) is not None


def test_a_folder_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert begun_with(tmp_path / "file" / "kept", BANK).name == "bank"


def test_a_flow_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(IvrError, match="cannot be read"):
        FlowArchive(tmp_path).load(tmp_path / "none.json")
