"""The beat that all calls of a process share: one frame each 20 ms, on the monotonic clock.

The calls are spread over a few phases of the beat, so that a worker with hundreds of them sends in
small groups and not all at one moment.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Protocol

import structlog

from ivr.audio.format import TELEPHONE, AudioFormat
from ivr.audio.playout import FrameSchedule
from ivr.clock import Clock, SystemClock

PHASES = 4
"""Groups of calls; at 20 ms a frame they are 5 ms apart, well above a timer's resolution."""

_FEW_CALLS = 25
"""Calls that may well leave at one moment."""

Tick = Callable[[], None]
"""Called once for each frame that is due."""

Timer = Callable[[float, Callable[[], None]], asyncio.TimerHandle]
"""Calls back once in so many seconds: `loop.call_later`."""

_log = structlog.get_logger()


class FrameClock(Protocol):
    """Whatever tells calls that a frame is due."""

    def subscribe(self, tick: Tick) -> None:
        """Call `tick` for each frame from now on; twice is once."""

    def unsubscribe(self, tick: Tick) -> None:
        """Stop calling `tick`; harmless when it is not called. At once, also from within it."""


class MediaClock:
    """A `FrameClock` in real time, on the running event loop.

    Deadlines are counted from the first one, so that late timers do not add up; frames that are
    late are made up for within the bounds of `FrameSchedule`. Nothing runs while nobody
    subscribes. A tick that raises is logged and not called again; the others go on.
    """

    def __init__(
        self,
        format: AudioFormat = TELEPHONE,
        *,
        clock: Clock | None = None,
        timer: Timer | None = None,
        phases: int = PHASES,
    ) -> None:
        self._clock = clock or SystemClock()
        self._timer = timer
        self._phases = [
            _Phase(self, format, offset=index * format.ptime_ms / 1000 / phases)
            for index in range(phases)
        ]
        self._phase_of: dict[Tick, _Phase] = {}
        self._lag_s = 0.0

    @property
    def lag_ms(self) -> float:
        """How late the last beat was; 0 while nobody subscribes. A busy process lags."""
        return self._lag_s * 1000 if self._phase_of else 0.0

    @property
    def given_up(self) -> int:
        """Frames, of a whole phase each, that were too late to be made up for, in all."""
        return sum(phase.given_up for phase in self._phases)

    @property
    def subscribers(self) -> int:
        """How many ticks are called."""
        return len(self._phase_of)

    def subscribe(self, tick: Tick) -> None:
        """See `FrameClock`."""
        if tick not in self._phase_of:
            phase = min(self._phases, key=_crowding)
            self._phase_of[tick] = phase
            phase.add(tick)

    def unsubscribe(self, tick: Tick) -> None:
        """See `FrameClock`."""
        phase = self._phase_of.pop(tick, None)
        if phase is not None:
            phase.remove(tick)

    def _now(self) -> float:
        return self._clock.monotonic()

    def _call_later(self, delay: float, beat: Callable[[], None]) -> asyncio.TimerHandle:
        timer = self._timer or asyncio.get_running_loop().call_later
        return timer(delay, beat)

    def _note_lag(self, lag_s: float) -> None:
        self._lag_s = max(0.0, lag_s)


def _crowding(phase: _Phase) -> int:
    """By this phases are filled: each moment that is kept costs a wake-up, so that few calls
    share one, and only many are spread."""
    return max(len(phase.ticks), _FEW_CALLS)


class _Phase:
    """The calls whose frames leave together. `offset`: of the beat, in seconds."""

    def __init__(self, clock: MediaClock, format: AudioFormat, offset: float) -> None:
        self.ticks: dict[Tick, None] = {}
        self._in_turn: tuple[Tick, ...] = ()
        self._gone: set[Tick] | None = None
        """Left out since the beat began that goes round now, if one does."""
        self._clock = clock
        self._format = format
        self._offset = offset
        self._schedule: FrameSchedule | None = None
        self._given_up_before = 0
        self._handle: asyncio.TimerHandle | None = None

    @property
    def given_up(self) -> int:
        """See `MediaClock.given_up`."""
        running = self._schedule.given_up if self._schedule is not None else 0
        return self._given_up_before + running

    def add(self, tick: Tick) -> None:
        """Call `tick` with the others; the first one starts the beat."""
        self.ticks[tick] = None
        if self._gone is not None:
            self._gone.discard(tick)
        self._in_turn = tuple(self.ticks)
        if self._schedule is None:
            period = self._format.ptime_ms / 1000
            beats = math.ceil((self._clock._now() - self._offset) / period)
            self._schedule = FrameSchedule(self._format, self._offset + beats * period)
            self._arm(self._schedule)

    def remove(self, tick: Tick) -> None:
        """Leave `tick` out; without any the beat stops."""
        self.ticks.pop(tick, None)
        if self._gone is not None:
            self._gone.add(tick)
        self._in_turn = tuple(self.ticks)
        if not self.ticks and self._schedule is not None:
            self._given_up_before += self._schedule.given_up
            self._schedule = None
            if self._handle is not None:
                self._handle.cancel()
                self._handle = None

    def _arm(self, schedule: FrameSchedule) -> None:
        delay = max(0.0, schedule.next_at - self._clock._now())
        self._handle = self._clock._call_later(delay, self._beat)

    def _beat(self) -> None:
        schedule = self._schedule
        if schedule is None:
            return
        now = self._clock._now()
        lag = now - schedule.next_at
        due = schedule.due(now)
        if due:
            self._clock._note_lag(lag)
        gone: set[Tick] = set()
        self._gone = gone
        for _ in range(due):
            for tick in self._in_turn:
                if gone and tick in gone:
                    continue
                try:
                    tick()
                except Exception:  # noqa: BLE001 - one call's fault must not stop the others
                    _log.exception("tick_failed")
                    self._clock.unsubscribe(tick)
        self._gone = None
        if self._schedule is schedule:
            self._arm(schedule)
