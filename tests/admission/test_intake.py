"""How many calls a worker takes after it had too many."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from ivr.admission.intake import Intake

EVERY_S = 0.05


class Line:
    """An intake, and measurements at regular times."""

    def __init__(self) -> None:
        self.intake = Intake()
        self.now = 0.0

    def note(self, seconds: float, calls: int, *, overloaded: bool = False) -> None:
        for _ in range(round(seconds / EVERY_S)):
            self.now += EVERY_S
            self.intake.note(self.now, calls, overloaded=overloaded)


def test_there_is_no_limit_until_it_was_too_much() -> None:
    line = Line()
    line.note(10, 500)
    assert line.intake.may_take(500)


def test_under_an_overload_nobody_is_taken() -> None:
    line = Line()
    line.note(1, 200, overloaded=True)
    assert not line.intake.may_take(0)


def test_afterwards_no_more_at_once_than_were_carried_and_slowly_more() -> None:
    line = Line()
    line.note(1, 200, overloaded=True)
    line.note(EVERY_S, 160)
    assert not line.intake.may_take(160)
    assert line.intake.may_take(159)
    line.note(20, 160)
    assert 165 <= line.intake.limit <= 170


def test_what_held_it_up_for_once_is_forgotten_in_two_minutes() -> None:
    line = Line()
    line.note(10, 3, overloaded=True)
    line.note(20, 2)
    assert line.intake.limit > 8
    line.note(100, 8)
    assert line.intake.limit > 400


def test_a_second_overload_at_fewer_calls_lowers_the_limit_and_at_more_does_not_raise_it() -> None:
    line = Line()
    for calls, carried, limit in ((200, 150, 150), (140, 120, 120), (130, 125, 120)):
        line.note(5, calls, overloaded=True)
        line.note(EVERY_S, carried)
        assert round(line.intake.limit) == limit


@given(
    st.lists(
        st.tuples(st.floats(0, 10_000), st.integers(0, 5000), st.booleans()),
        max_size=60,
    )
)
def test_whatever_was_measured_one_call_may_come_when_all_is_well(
    noted: list[tuple[float, int, bool]],
) -> None:
    intake, now = Intake(), 0.0
    for seconds, calls, overloaded in noted:
        now += seconds
        intake.note(now, calls, overloaded=overloaded)
        assert intake.limit >= 1
        assert not math.isnan(intake.limit)
        assert intake.may_take(0) is not overloaded
