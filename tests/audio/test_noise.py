"""The short way through a frame of silence leads where the long one does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.audio.noise import QUIETEST_DBFS, NoiseFloor

levels = st.one_of(st.just(None), st.floats(QUIETEST_DBFS, 0.0))


@given(st.lists(levels, max_size=200))
def test_silence_is_the_quietest_sound(line: list[float | None]) -> None:
    short, long = NoiseFloor(), NoiseFloor()
    for dbfs in line:
        if dbfs is None:
            short.hear_silence()
            long.hear(QUIETEST_DBFS)
            long.learn(QUIETEST_DBFS)
        else:
            for floor in (short, long):
                floor.hear(dbfs)
                floor.learn(dbfs)
        assert short.dbfs == pytest.approx(long.dbfs)
        assert short.spread_db == pytest.approx(long.spread_db)
