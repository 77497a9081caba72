"""Measures this process's load and keeps a `LoadGate` informed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from ivr.admission.load import LoadGate

EVERY_S = 0.1

_log = structlog.get_logger()


class LoadWatch:
    """Looks at the running loop each `EVERY_S`. `backlog_ms` says how much sound waits for each
    thread of the recogniser."""

    def __init__(self, gate: LoadGate, backlog_ms: Callable[[], float]) -> None:
        self._gate = gate
        self._backlog_ms = backlog_ms
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to look."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(EVERY_S, self._look, loop, loop.time() + EVERY_S)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        now, gate = loop.time(), self._gate
        was_open = gate.open
        gate.note(now, max(0.0, now - due) * 1000, self._backlog_ms())
        if gate.open is not was_open:
            _log.warning(
                "takes_calls_again" if gate.open else "takes_no_calls",
                lag_ms=round(gate.lag_ms, 1),
                backlog_ms=round(gate.backlog_ms),
            )
        self._timer = loop.call_later(EVERY_S, self._look, loop, now + EVERY_S)
