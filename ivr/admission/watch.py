"""Measures this process's load, and says whether it takes one call more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from ivr.admission.intake import Intake
from ivr.admission.load import LoadGate, LoadLimits

EVERY_S = 0.05

_log = structlog.get_logger()


class LoadWatch:
    """Looks at the running loop each `EVERY_S`. `backlog_ms` says how long the recogniser's threads
    take for what waits for them, `calls` how many calls there are, with those that were let in and
    are on their way."""

    def __init__(
        self, limits: LoadLimits, *, backlog_ms: Callable[[], float], calls: Callable[[], int]
    ) -> None:
        self._gate = LoadGate(limits)
        self._intake = Intake(self._gate.overloads)
        self._backlog_ms = backlog_ms
        self._calls = calls
        self._timer: asyncio.TimerHandle | None = None

    @property
    def lag_ms(self) -> float:
        """How late the event loop is in one moment of four."""
        return self._gate.lag_ms

    @property
    def overloaded(self) -> bool:
        """Whether the worker is late, or behind."""
        return self._gate.overloaded

    def may_take(self) -> bool:
        """Whether one call more may come."""
        return self._intake.may_take(self._calls())

    def start(self) -> None:
        """Begin to look."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(EVERY_S, self._look, loop, loop.time() + EVERY_S)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        now, gate, calls = loop.time(), self._gate, self._calls()
        self._timer = loop.call_later(EVERY_S, self._look, loop, now + EVERY_S)
        was_overloaded = gate.overloaded
        gate.note(now, max(0.0, now - due) * 1000, self._backlog_ms(), time.process_time())
        self._intake.note(now, calls)
        if gate.overloaded is not was_overloaded:
            _log.warning(
                "takes_no_calls" if gate.overloaded else "takes_calls_again",
                calls=calls,
                lag_ms=round(gate.lag_ms, 1),
                backlog_ms=round(gate.backlog_ms),
                cores=round(gate.cores, 2),
            )
