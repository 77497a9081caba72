"""How many calls at once: as many as have been carried without overload, and slowly more. Pure.

What a call costs is felt seconds after it was taken. Whoever takes calls again as soon as all is
well takes all that wait at the door, and is overloaded again; so it is the number that is
controlled, as TCP does with what it has under way (additive increase there, S. Ha, I. Rhee, L. Xu,
"CUBIC", 2008: slowly near where it was too much, faster later).
"""

from __future__ import annotations

import math

_MORE_EACH_S = 0.25
"""Calls more, a second, right after an overload."""
_FASTER_EACH_S = 20.0
"""After so many seconds without one they become twice as many."""


class Intake:
    """Without a limit until it was once too much."""

    def __init__(self) -> None:
        self._limit = math.inf
        self._overloaded = False
        self._noted_s: float | None = None
        self._well_since_s = 0.0

    @property
    def limit(self) -> float:
        """Calls that may be had at once; infinite where it was never too much."""
        return self._limit

    def may_take(self, calls: int) -> bool:
        """Whether one more may come to these."""
        return not self._overloaded and calls < self._limit

    def note(self, now_s: float, calls: int, *, overloaded: bool) -> None:
        """Take what was measured with so many calls."""
        if overloaded:
            self._well_since_s = now_s
        elif self._overloaded:
            # So many are known to be carried well.
            self._limit = max(1.0, min(self._limit, calls))
        elif self._noted_s is not None and math.isfinite(self._limit):
            well_s = now_s - self._well_since_s
            more_each_s = _MORE_EACH_S * 2.0 ** min(well_s / _FASTER_EACH_S, 16.0)
            self._limit += more_each_s * (now_s - self._noted_s)
        self._overloaded, self._noted_s = overloaded, now_s
