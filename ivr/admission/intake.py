"""How many calls at once: as many as have been carried without overload, and slowly more. Pure.

What a call costs is felt seconds after it was taken. Whoever takes calls again as soon as all is
well takes all that wait at the door, and is overloaded again; so it is the number that is
controlled, as TCP does with what it has under way (additive increase there, S. Ha, I. Rhee, L. Xu,
"CUBIC", 2008: slowly near where it was too much, and faster the longer that goes well).

And while nobody was taken those who were in have grown old together: they hang up together, and
whoever lets as many in at that moment has them speak together too, two or three times what they
would ask for one after the other. So what has become free is filled one call after the other.

An overload that has soon passed, and comes alone, says little of how many calls are too many:
somebody else had the processor, or a few callers spoke at once. Then as many as there were may come
again, one after the other, and more soon.
"""

from __future__ import annotations

import math

from ivr.admission.overloads import ALONE_S, Overloads

_CARRIED_WELL = 0.85
"""Of the calls there were when an overload had passed: most of them were past their first words,
and as many new ones have all of theirs to say."""
_MORE_EACH_S = 0.25
"""Calls more, a second, right after an overload, and again where it becomes likely."""
_NEAR = 0.85
"""Share of the calls there were when it began, from where on it is."""
_FASTER_EACH_S = 20.0
"""After so many seconds without one they become twice as many."""
_REFILL_S = 30.0
"""It takes so long at least to fill all that may be had at once."""
_AT_ONCE = 2.0
"""Calls more than there are that may come without having waited for their turn."""
_SOON_S = 5.0
"""An overload that has passed in less is forgiven, where it came alone and not near to what was
too much before."""
_QUICK_REFILL_S = 10.0
"""After such a one it takes so long at least to fill all that may be had at once,"""
_QUICK_START_S = 40.0
"""and becoming more begins as if there had been none for so long."""


class Intake:
    """Without a limit until it was once too much; `overloads` say when that was."""

    def __init__(self, overloads: Overloads) -> None:
        self._overloads = overloads
        self._limit = math.inf
        self._door = math.inf
        self._each_s = math.inf
        """Calls more, a second, that the door lets in."""
        self._overloaded = False
        self._noted_s: float | None = None
        self._well_since_s = -math.inf
        self._too_many = 0

    @property
    def limit(self) -> float:
        """Calls that may be had at once; infinite where it was never too much."""
        return self._limit

    def may_take(self, calls: int) -> bool:
        """Whether one more may come to these."""
        return not self._overloads.under_way and calls < min(self._limit, self._door)

    def note(self, now_s: float, calls: int) -> None:
        """So many calls there are now, and `overloads` know how that goes."""
        overloaded = self._overloads.under_way
        if overloaded:
            if not self._overloaded:
                self._too_many = calls
        elif self._overloaded:
            self._pass(now_s, calls)
        elif self._noted_s is not None:
            self._widen(now_s, now_s - self._noted_s, calls)
        self._overloaded, self._noted_s = overloaded, now_s

    def _pass(self, now_s: float, calls: int) -> None:
        """An overload has passed."""
        was = self._overloads
        well_before = was.began_s - self._well_since_s >= ALONE_S
        if was.lasted_s < _SOON_S and was.alone and well_before:
            self._limit = max(1.0, min(self._limit, self._too_many))
            self._each_s = self._limit / _QUICK_REFILL_S
            self._well_since_s = now_s - _QUICK_START_S
        else:
            self._limit = max(1.0, min(self._limit, calls * _CARRIED_WELL))
            self._each_s = self._limit / _REFILL_S
            self._well_since_s = now_s
        self._door = calls + _AT_ONCE

    def _widen(self, now_s: float, passed_s: float, calls: int) -> None:
        if not math.isfinite(self._limit):
            return
        well_s = now_s - self._well_since_s
        more_each_s = _MORE_EACH_S * 2.0 ** min(well_s / _FASTER_EACH_S, 16.0)
        before, self._limit = self._limit, self._limit + more_each_s * passed_s
        if before < self._too_many * _NEAR <= self._limit:
            self._well_since_s = now_s
        self._each_s = max(self._each_s, self._limit / _REFILL_S)
        self._door = min(self._door, calls + _AT_ONCE) + self._each_s * passed_s
