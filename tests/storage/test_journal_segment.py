"""The journal's file: whatever a crash leaves of it, whole lines count and nothing else."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.storage.journal_segment import Segment

LINES = st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"?")), max_size=20)


def drain(segment: Segment, most: int = 3) -> list[bytes]:
    found = []
    while not segment.finished:
        lines, offset = segment.read(most)
        assert 0 < len(lines) <= most
        found += lines
        segment.shipped_to(offset)
    return found


@given(lines=LINES, cut=st.integers(min_value=0), shipped=st.integers(0, 20))
def test_a_file_cut_anywhere_gives_a_whole_number_of_its_lines(
    lines: list[bytes], cut: int, shipped: int
) -> None:
    with tempfile.TemporaryDirectory() as name:
        mine = Segment.create(Path(name), "worker-0")
        for line in lines:
            mine.append(line + b"\n")
        shipped = min(shipped, len(lines))
        if shipped:
            mine.shipped_to(mine.read(shipped)[1])
        data = mine.path.read_bytes()
        header = data.index(b"\n") + 1
        kept = data[: header + cut % (len(data) - header + 1)]
        mine.path.write_bytes(kept)
        mine.close()

        heir = Segment.adopt(mine.path)
        assert heir is not None
        assert heir.torn == kept[kept.rindex(b"\n") + 1 :]
        expected = kept[header:].split(b"\n")[:-1]
        if shipped <= len(expected):
            expected = expected[shipped:]
        assert heir.count() == len(expected)
        assert drain(heir) == expected
        heir.remove()
        assert list(Path(name).iterdir()) == []


@given(data=st.binary(max_size=200))
def test_any_bytes_are_adopted_or_put_away(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "x.journal"
        path.write_bytes(data)
        segment = Segment.adopt(path)
        assert segment is not None
        assert len(drain(segment)) <= data.count(b"\n")
        segment.remove()


def test_a_file_has_one_owner_at_a_time(tmp_path: Path) -> None:
    mine = Segment.create(tmp_path, "worker/../0")
    assert mine.path.parent == tmp_path
    assert Segment.adopt(mine.path) is None
    mine.close()
    heir = Segment.adopt(mine.path)
    assert heir is not None
    assert Segment.adopt(mine.path) is None
    heir.remove()
    assert Segment.adopt(mine.path) is None


def test_lines_longer_than_a_chunk_are_read_whole(tmp_path: Path) -> None:
    lines = [bytes([65 + n]) * 100_000 for n in range(3)]
    mine = Segment.create(tmp_path, "worker-0")
    mine.append(b"".join(line + b"\n" for line in lines))
    assert drain(mine, most=1) == lines
    mine.remove()


def test_a_file_cut_under_our_hands_is_an_error_and_not_an_endless_loop(tmp_path: Path) -> None:
    mine = Segment.create(tmp_path, "worker-0")
    mine.append(b"a line\n")
    with mine.path.open("r+b") as file:
        file.truncate(40 - 31)
    with pytest.raises(OSError, match="cut"):
        mine.read(10)
    assert mine.set_aside().exists()
