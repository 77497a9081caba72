"""Time that stands still until a test lets it pass."""

from __future__ import annotations

from datetime import UTC, datetime


class HeldClock:
    """It is noon on a Wednesday; `seconds` is its monotonic time."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime(2026, 7, 15, 12, tzinfo=UTC)
