"""Versions of flows, kept for the calls that began in them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ivr.errors import IvrError
from ivr.storage.flow_archive import KEPT_S, FlowArchive
from tests.dialogue.talking import BANK


def test_a_version_outlives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "bank.json"
    path.write_text(BANK.read_text())
    old = FlowArchive(tmp_path / "kept").load(path)
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
    flow = FlowArchive(tmp_path).load(BANK)
    again = FlowArchive(tmp_path).version(flow.version)
    assert again is not None
    assert again.languages == ("en", "hi", "es")


@pytest.mark.parametrize("version", ["gone", "", "../../etc/passwd"])
def test_what_is_not_kept_is_none(version: str, tmp_path: Path) -> None:
    assert FlowArchive(tmp_path).version(version) is None


def test_what_is_damaged_is_none(tmp_path: Path) -> None:
    flow = FlowArchive(tmp_path).load(BANK)
    (tmp_path / f"{flow.version}.json").write_text('{"file": "x"')
    assert FlowArchive(tmp_path).version(flow.version) is None


def test_old_versions_go(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text("{}")
    long_ago = time.time() - KEPT_S - 60
    os.utime(tmp_path / "old.json", (long_ago, long_ago))
    flow = FlowArchive(tmp_path).load(BANK)
    assert [path.stem for path in tmp_path.iterdir()] == [flow.version]


def test_a_folder_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert FlowArchive(tmp_path / "file" / "kept").load(BANK).name == "bank"


def test_a_flow_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(IvrError, match="cannot be read"):
        FlowArchive(tmp_path).load(tmp_path / "none.json")
