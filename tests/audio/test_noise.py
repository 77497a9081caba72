"""The short way through a frame of silence leads where the long one does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.audio.noise import QUIETEST_DBFS, NoiseFloor

loudness = st.floats(QUIETEST_DBFS, 0.0)
levels = st.one_of(st.just(None), loudness)


@given(st.lists(levels, max_size=200))
def test_silence_is_the_quietest_sound(line: list[float | None]) -> None:
    short, long = NoiseFloor(), NoiseFloor()
    for dbfs in line:
        if dbfs is None:
            short.hear_silence(1)
            long.hear(QUIETEST_DBFS)
            long.learn(QUIETEST_DBFS)
        else:
            for floor in (short, long):
                floor.hear(dbfs)
                floor.learn(dbfs)
        assert short.dbfs == pytest.approx(long.dbfs)
        assert short.spread_db == pytest.approx(long.spread_db)


@given(st.lists(loudness, max_size=40), st.integers(0, 4000), st.lists(loudness, max_size=40))
@settings(max_examples=30)
def test_a_long_silence_told_at_once_is_the_same(
    before: list[float], frames: int, after: list[float]
) -> None:
    at_once, each = NoiseFloor(), NoiseFloor()
    for floor in (at_once, each):
        _listen(floor, before)
    at_once.hear_silence(frames)
    for _ in range(frames):
        each.hear_silence(1)
    for floor in (at_once, each):
        _listen(floor, after)
    assert at_once.dbfs == pytest.approx(each.dbfs)
    assert at_once.spread_db == pytest.approx(each.spread_db, abs=1e-9)


def _listen(floor: NoiseFloor, line: list[float]) -> None:
    for dbfs in line:
        floor.hear(dbfs)
        floor.learn(dbfs)
