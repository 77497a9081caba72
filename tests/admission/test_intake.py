"""How many calls a worker takes after it had too many."""

from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ivr.admission.intake import Intake
from ivr.admission.overloads import Overloads

EVERY_S = 0.05


def tell(overloads: Overloads, now_s: float, *, overloaded: bool) -> None:
    if overloaded is not overloads.under_way:
        (overloads.begin if overloaded else overloads.end)(now_s)


class Line:
    """An intake, and measurements at regular times."""

    def __init__(self) -> None:
        self.overloads = Overloads()
        self.intake = Intake(self.overloads)
        self.now = 0.0

    def note(self, seconds: float, calls: int, *, overloaded: bool = False) -> None:
        for _ in range(round(seconds / EVERY_S)):
            self.now += EVERY_S
            tell(self.overloads, self.now, overloaded=overloaded)
            self.intake.note(self.now, calls)


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
    line.note(10, 200, overloaded=True)
    line.note(EVERY_S, 160)
    assert not line.intake.may_take(136)
    assert line.intake.may_take(135)
    line.note(20, 136)
    assert 141 <= line.intake.limit <= 146


def test_near_what_was_too_much_it_begins_slowly_again() -> None:
    line = Line()
    line.note(10, 200, overloaded=True)
    line.note(EVERY_S, 160)
    limits = []
    for _ in range(110):
        line.note(1, 136)
        limits.append(line.intake.limit)
    near = next(second for second, limit in enumerate(limits) if limit >= 170)
    more = [after - before for before, after in pairwise(limits)]
    assert max(more[near : near + 5]) < 0.5 * max(more[:near])
    assert limits[near + 10] < 174 < 200 < limits[-1]


def test_what_held_it_up_for_once_is_forgotten_in_two_minutes() -> None:
    line = Line()
    line.note(10, 3, overloaded=True)
    line.note(20, 2)
    assert line.intake.limit > 6
    line.note(100, 8)
    assert line.intake.limit > 400


def test_after_what_has_soon_passed_as_many_may_come_again_and_soon_more() -> None:
    line = Line()
    line.note(40, 50)
    line.note(3, 50, overloaded=True)
    line.note(EVERY_S, 40)
    assert line.intake.limit == 50
    assert line.intake.may_take(41)
    assert not line.intake.may_take(43)
    calls = 40
    for _ in range(round(2 / EVERY_S)):
        line.note(EVERY_S, calls)
        while line.intake.may_take(calls):
            calls += 1
    assert 51 <= calls <= 53
    line.note(20, calls)
    assert line.intake.limit > 70


def test_what_passes_soon_and_comes_again_does() -> None:
    line = Line()
    line.note(40, 50)
    line.note(3, 50, overloaded=True)
    line.note(10, 40)
    line.note(3, 50, overloaded=True)
    line.note(EVERY_S, 40)
    assert line.intake.limit == 34


def test_what_has_soon_passed_where_it_was_too_much_before_counts() -> None:
    line = Line()
    line.note(10, 200, overloaded=True)
    line.note(EVERY_S, 160)
    while line.intake.limit < 171:
        line.note(1, 136)
    line.note(3, 171, overloaded=True)
    line.note(EVERY_S, 160)
    assert line.intake.limit == 136


def test_a_second_overload_at_fewer_calls_lowers_the_limit_and_at_more_does_not_raise_it() -> None:
    line = Line()
    for calls, carried, limit in ((200, 160, 136), (140, 120, 102), (130, 125, 102)):
        line.note(10, calls, overloaded=True)
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
    overloads, now = Overloads(), 0.0
    intake = Intake(overloads)
    for seconds, calls, overloaded in noted:
        now += seconds
        tell(overloads, now, overloaded=overloaded)
        intake.note(now, calls)
        assert intake.limit >= 1
        assert not math.isnan(intake.limit)
        assert intake.may_take(0) is not overloaded


def test_who_hung_up_together_are_followed_by_callers_one_after_the_other() -> None:
    line = Line()
    line.note(10, 200, overloaded=True)
    line.note(1, 120)
    calls, had = 20, []
    for _ in range(30):
        for _ in range(round(1 / EVERY_S)):
            line.note(EVERY_S, calls)
            while line.intake.may_take(calls):
                calls += 1
        had.append(calls)
    taken = [after - before for before, after in pairwise(had)]
    assert max(taken) <= 8
    assert had[9] < 90
    assert had[-1] >= 100


def test_calls_of_half_a_minute_fill_what_may_be_had() -> None:
    line = Line()
    line.note(10, 200, overloaded=True)
    line.note(1, 120)
    began = [line.now - n / 4 for n in range(120)]
    for _ in range(round(60 / EVERY_S)):
        began = [at for at in began if at > line.now - 30]
        line.note(EVERY_S, len(began))
        while line.intake.may_take(len(began)):
            began.append(line.now)
    assert len(began) >= 100
