"""Time, injected: nothing in the core reads a clock of its own."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What time it is, twice: for measuring and for people."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back. Only differences mean anything."""
        ...

    def now(self) -> datetime:
        """The date and time, aware, in UTC."""
        ...


class SystemClock:
    """The machine's own clocks."""

    monotonic = staticmethod(time.monotonic)
    """See `Clock.monotonic`."""

    def now(self) -> datetime:
        """See `Clock.now`."""
        return datetime.now(UTC)
