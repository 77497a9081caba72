"""When a worker is overloaded, and when it is no longer."""

from __future__ import annotations

import asyncio

import pytest

from ivr.admission.load import PASSED_S, WINDOW_S, LoadGate, LoadLimits
from ivr.admission.watch import LoadWatch

EVERY_S = 0.05
LONG_S = WINDOW_S + 1
LIMITS = LoadLimits(lag_ms=10, backlog_ms=1000)


class Line:
    """A gate, and measurements at regular times."""

    def __init__(self) -> None:
        self.gate = LoadGate(LIMITS)
        self.now = self.cpu = 0.0

    def note(
        self,
        seconds: float,
        *,
        lags_ms: tuple[float, ...] = (0.0,),
        backlog_ms: float = 0.0,
        cores: float = 1.0,
    ) -> list[bool]:
        answers = []
        for turn in range(round(seconds / EVERY_S)):
            self.now += EVERY_S
            self.cpu += EVERY_S * cores
            self.gate.note(self.now, lags_ms[turn % len(lags_ms)], backlog_ms, self.cpu)
            answers.append(self.gate.overloaded)
        return answers


SOMETIMES_LATE = (0.0, 0.0, 12.0)
"""One moment in three."""


def test_it_is_well_before_anything_is_known() -> None:
    gate = LoadGate(LIMITS)
    assert not gate.overloaded
    assert (gate.lag_ms, gate.backlog_ms, gate.cores) == (0, 0, 0)


def test_how_it_began_is_no_overload() -> None:
    """Engines have just loaded: the first looks are late, and there are no others."""
    line = Line()
    assert not any(line.note(3 * EVERY_S, lags_ms=(300,)))
    assert not any(line.note(LONG_S))


def test_one_hiccup_is_no_overload() -> None:
    line = Line()
    line.note(LONG_S)
    line.note(EVERY_S, lags_ms=(5000,))
    assert not line.gate.overloaded
    assert not any(line.note(LONG_S))


def test_to_take_over_the_calls_of_another_is_no_overload() -> None:
    """Nearly a second in which the loop does nothing else."""
    line = Line()
    line.note(LONG_S)
    assert not any(line.note(0.95, lags_ms=(100,)))
    assert not any(line.note(LONG_S))


@pytest.mark.parametrize("too_much", [{"lags_ms": SOMETIMES_LATE}, {"backlog_ms": 1500.0}])
def test_what_lasts_is_one_and_passes(too_much: dict[str, float]) -> None:
    line = Line()
    line.note(LONG_S)
    assert line.note(WINDOW_S, **too_much)[-1]  # type: ignore[arg-type]
    assert not line.note(2 * WINDOW_S)[-1]


@pytest.mark.parametrize("too_much", [{"lags_ms": (30.0,)}, {"backlog_ms": 4000.0}])
def test_a_second_without_it_ends_it(too_much: dict[str, float]) -> None:
    line = Line()
    line.note(LONG_S)
    assert line.note(2, **too_much)[-1]  # type: ignore[arg-type]
    well = line.note(WINDOW_S)
    assert 0.6 * PASSED_S <= well.index(False) * EVERY_S <= PASSED_S + EVERY_S
    assert not any(well[well.index(False) :])


def test_what_comes_again_soon_after_is_one_again() -> None:
    line = Line()
    line.note(LONG_S)
    line.note(2, lags_ms=(30,))
    assert not line.note(PASSED_S + EVERY_S)[-1]
    assert line.note(1.5, lags_ms=(30,))[-1]
    assert line.note(2 * PASSED_S)[-1]
    assert not line.note(WINDOW_S)[-1]


def test_it_does_not_flap() -> None:
    line = Line()
    line.note(LONG_S, lags_ms=(15,))
    assert all(line.note(LONG_S, lags_ms=(8,)))
    assert not line.note(LONG_S, lags_ms=(3,))[-1]


def test_a_worker_that_does_little_is_not_to_blame_for_being_sometimes_late() -> None:
    line = Line()
    assert not any(line.note(LONG_S, lags_ms=SOMETIMES_LATE, cores=0.05))
    assert line.note(WINDOW_S, lags_ms=(130,), cores=0.05)[-1]


def test_its_share_of_the_processors_is_measured() -> None:
    line = Line()
    line.note(LONG_S, cores=0.4)
    assert line.gate.cores == pytest.approx(0.4)


async def test_a_loop_that_is_held_up_shuts_it() -> None:
    """In real time: the loop is late because it is late."""
    watch = LoadWatch(
        LoadLimits(lag_ms=100, backlog_ms=1000), backlog_ms=lambda: 0.0, calls=lambda: 50
    )
    watch.start()
    loop = asyncio.get_running_loop()
    deadline = loop.time() + 30
    while not watch.overloaded:
        assert loop.time() < deadline
        # Blocking on purpose.
        held_up_until = loop.time() + 0.4
        while loop.time() < held_up_until:
            pass
        await asyncio.sleep(0)
    watch.stop()
    assert watch.lag_ms > 100
    assert not watch.may_take()
