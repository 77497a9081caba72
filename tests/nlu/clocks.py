"""Time that stands still."""

from __future__ import annotations

from datetime import UTC, datetime


class Noon:
    """A clock that stopped on a Wednesday noon."""

    def monotonic(self) -> float:
        return 0.0

    def now(self) -> datetime:
        return datetime(2026, 7, 15, 12, tzinfo=UTC)
