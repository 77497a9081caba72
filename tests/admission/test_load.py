"""When a worker takes no new call, and when it does again."""

from __future__ import annotations

import asyncio

import pytest

from ivr.admission.load import WINDOW_S, LoadGate, LoadLimits
from ivr.admission.watch import LoadWatch

EVERY_S = 0.1
LIMITS = LoadLimits(lag_ms=40, backlog_ms=1000)


class Line:
    """A gate, and measurements at regular times."""

    def __init__(self) -> None:
        self.gate = LoadGate(LIMITS)
        self.now = 0.0

    def note(self, seconds: float, *, lag_ms: float = 0.0, backlog_ms: float = 0.0) -> list[bool]:
        answers = []
        for _ in range(round(seconds / EVERY_S)):
            self.now += EVERY_S
            self.gate.note(self.now, lag_ms, backlog_ms)
            answers.append(self.gate.open)
        return answers


def test_it_is_open_before_anything_is_known() -> None:
    assert LoadGate().open


def test_one_hiccup_is_no_overload() -> None:
    line = Line()
    line.note(3)
    line.note(EVERY_S, lag_ms=5000)
    assert line.gate.open
    assert all(line.note(3))


@pytest.mark.parametrize("too_much", [{"lag_ms": 60.0}, {"backlog_ms": 1500.0}])
def test_what_lasts_shuts_it_and_what_has_passed_opens_it(too_much: dict[str, float]) -> None:
    line = Line()
    line.note(3)
    assert not line.note(WINDOW_S, **too_much)[-1]
    assert line.note(2 * WINDOW_S)[-1]


def test_it_does_not_flap() -> None:
    line = Line()
    line.note(3, lag_ms=60)
    assert not any(line.note(5, lag_ms=30))
    assert line.note(3, lag_ms=10)[-1]


async def test_a_loop_that_is_held_up_shuts_it() -> None:
    """In real time: the loop is late because it is late."""
    gate = LoadGate(LoadLimits(lag_ms=100))
    watch = LoadWatch(gate, lambda: 0.0)
    watch.start()
    loop = asyncio.get_running_loop()
    deadline = loop.time() + 30
    while gate.open:
        assert loop.time() < deadline
        # Blocking on purpose.
        held_up_until = loop.time() + 0.4
        while loop.time() < held_up_until:
            pass
        await asyncio.sleep(0)
    watch.stop()
    assert gate.lag_ms > 100
