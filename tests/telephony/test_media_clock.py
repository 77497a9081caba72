from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import cast

import pytest

from ivr.telephony.media_clock import MediaClock


class Timers:
    """Time and timers by hand; each timer fires `late` seconds after it was due."""

    def __init__(self) -> None:
        self.time = 1000.0123
        self.late = 0.0
        self._heap: list[tuple[float, int, Handle]] = []
        self._count = itertools.count()

    def monotonic(self) -> float:
        return self.time

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def call_later(self, delay: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        handle = Handle(callback)
        heapq.heappush(self._heap, (self.time + delay, next(self._count), handle))
        return cast("asyncio.TimerHandle", handle)

    @property
    def armed(self) -> int:
        return sum(not handle.cancelled for _, _, handle in self._heap)

    def pass_time(self, seconds: float) -> None:
        until = self.time + seconds
        while self._heap and self._heap[0][0] + self.late <= until:
            due, _, handle = heapq.heappop(self._heap)
            self.time = max(self.time, due + self.late)
            if not handle.cancelled:
                handle.callback()
        self.time = until


class Handle:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


@pytest.fixture
def timers() -> Timers:
    return Timers()


@pytest.fixture
def clock(timers: Timers) -> MediaClock:
    return MediaClock(clock=timers, timer=timers.call_later)


class Count:
    def __init__(self, timers: Timers) -> None:
        self.times: list[float] = []
        self._timers = timers

    def __call__(self) -> None:
        self.times.append(self._timers.time)

    __hash__ = object.__hash__


def test_late_timers_do_not_add_up(timers: Timers, clock: MediaClock) -> None:
    timers.late = 0.004
    count = Count(timers)
    clock.subscribe(count)
    timers.pass_time(600)
    assert len(count.times) in (29_999, 30_000)
    steps = [b - a for a, b in itertools.pairwise(count.times)]
    assert min(steps) == pytest.approx(0.02)
    assert max(steps) == pytest.approx(0.02)
    assert clock.lag_ms == pytest.approx(4)
    assert clock.given_up == 0


def test_nothing_runs_while_nobody_subscribes(timers: Timers, clock: MediaClock) -> None:
    assert timers.armed == 0
    count = Count(timers)
    clock.subscribe(count)
    assert timers.armed == 1
    timers.pass_time(1)
    clock.unsubscribe(count)
    clock.unsubscribe(count)
    assert timers.armed == 0
    before = len(count.times)
    timers.pass_time(1)
    assert len(count.times) == before
    assert clock.lag_ms == 0
    clock.subscribe(count)
    timers.pass_time(1)
    assert len(count.times) == pytest.approx(before + 50, abs=1)


@pytest.mark.parametrize(("calls", "phases"), [(10, [10]), (200, [50, 50, 50, 50])])
def test_many_calls_are_spread_over_the_beat(
    timers: Timers, clock: MediaClock, calls: int, phases: list[int]
) -> None:
    counts = [Count(timers) for _ in range(calls)]
    for count in counts:
        clock.subscribe(count)
        clock.subscribe(count)
    assert clock.subscribers == calls
    timers.pass_time(1.001)
    assert all(len(count.times) == 50 for count in counts)
    at = Counter(round(count.times[0] * 1000) % 20 for count in counts)
    assert [at[phase] for phase in (0, 5, 10, 15) if at[phase]] == phases


def test_a_short_delay_is_made_up_for_and_a_long_one_is_given_up(
    timers: Timers, clock: MediaClock
) -> None:
    count = Count(timers)
    clock.subscribe(count)
    timers.pass_time(1)
    before = len(count.times)
    timers.late = 0.05
    timers.pass_time(0.071)
    assert len(count.times) == before + 3
    timers.late = 0.0
    timers.pass_time(0.5)
    before = len(count.times)
    timers.late = 1.0
    timers.pass_time(1.1)
    assert len(count.times) == before + 1
    assert clock.given_up == pytest.approx(50, abs=1)
    assert clock.lag_ms == pytest.approx(1000, abs=1)


def test_who_left_is_not_called_again_in_the_same_beat(timers: Timers) -> None:
    clock = MediaClock(clock=timers, timer=timers.call_later, phases=1)
    second = Count(timers)

    def first() -> None:
        clock.unsubscribe(first)
        clock.unsubscribe(second)

    clock.subscribe(first)
    clock.subscribe(second)
    timers.pass_time(1)
    assert second.times == []
    assert timers.armed == 0


def test_one_that_fails_does_not_stop_the_others(timers: Timers) -> None:
    clock = MediaClock(clock=timers, timer=timers.call_later, phases=1)
    failed = []

    def fails() -> None:
        failed.append(1)
        raise RuntimeError("a mistake of ours")

    count = Count(timers)
    clock.subscribe(fails)
    clock.subscribe(count)
    timers.pass_time(1)
    assert len(failed) == 1
    assert len(count.times) >= 49


async def test_on_a_real_loop_the_rate_is_that_of_the_telephone() -> None:
    clock = MediaClock()
    times: list[float] = []
    done = asyncio.Event()

    def tick() -> None:
        times.append(time.monotonic())
        if len(times) == 26:
            done.set()

    clock.subscribe(tick)
    async with asyncio.timeout(10):
        await done.wait()
    clock.unsubscribe(tick)
    frames = len(times) - 1 + clock.given_up
    assert times[-1] - times[0] == pytest.approx(frames * 0.02, abs=0.07)
