"""Whether this worker is overloaded: by how late its event loop is and how far its recogniser is
behind, never by a number of calls that somebody guessed.

A worker that is late is heard by every caller it has, so it takes no new one until it has been
on time again for a while. Pure: fed with measurements and the time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ivr.admission.overloads import Overloads

WINDOW_S = 4.0
"""How much of the past counts: a hiccup is no overload, and one that lasts is one soon."""

PASSED_S = 1.0
"""How much of the past says that one has passed that came alone: whoever rings at a shut door rings
again, together with all the others, so that it is shut for no longer than it must."""
_EASE = 0.75
"""What has been too much is over at this share of it, so that the door does not flap."""
_BUSY_CORES = 0.25
"""A worker that takes less of a processor than this is held up by others; to refuse its callers
would not help them, unless it is mostly late."""
_MOSTLY = 6.0
"""So many times `lag_ms` in the median is too late whoever's fault it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadLimits:
    """From where on a worker takes no new call."""

    lag_ms: float
    """Lateness of the event loop that one moment in four may exceed: an answer goes through the
    loop some twenty times, so that it adds up. It is no one moment in ten, because half a second in
    which the calls of another worker are taken over is no overload."""
    backlog_ms: float
    """How long it takes, on average, until the threads that recognise have done what waits for
    them."""


@dataclass(frozen=True, slots=True)
class _Measured:
    at_s: float
    lag_ms: float
    backlog_ms: float
    cpu_s: float


class LoadGate:
    """Knows whether the worker is overloaded."""

    def __init__(self, limits: LoadLimits) -> None:
        self._limits = limits
        self._seen: deque[_Measured] = deque()
        self._knows_enough_at_s: float | None = None
        self.overloads = Overloads()
        """When it was overloaded."""

    @property
    def overloaded(self) -> bool:
        """Whether it is late, or behind."""
        return self.overloads.under_way

    @property
    def lag_ms(self) -> float:
        """How late the event loop is in one moment of four: a model that loads holds it up once."""
        return _one_in_four(_lags(self._seen)) if self._seen else 0.0

    @property
    def backlog_ms(self) -> float:
        """How long recognition takes to do what waits for it, on average."""
        return _average_backlog(self._seen)

    @property
    def cores(self) -> float:
        """What the worker takes of processors."""
        if len(self._seen) < 2:
            return 0.0
        first, last = self._seen[0], self._seen[-1]
        return (last.cpu_s - first.cpu_s) / (last.at_s - first.at_s)

    def note(self, now_s: float, lag_ms: float, backlog_ms: float, cpu_s: float) -> None:
        """Take a measurement (`cpu_s`: processor time of the worker so far); the latest of the
        last `WINDOW_S` decide."""
        if self._knows_enough_at_s is None:
            self._knows_enough_at_s = now_s + WINDOW_S
        self._seen.append(_Measured(now_s, lag_ms, backlog_ms, cpu_s))
        while self._seen[0].at_s <= now_s - WINDOW_S:
            self._seen.popleft()
        if now_s < self._knows_enough_at_s:
            return
        share = self._share(self._seen)
        if not self.overloaded:
            if share > 1.0:
                self.overloads.begin(now_s)
            return
        if share > _EASE and self.overloads.alone:
            lately = deque(each for each in self._seen if each.at_s > now_s - PASSED_S)
            share = self._share(lately)
            if share <= _EASE:
                # What was before has been answered for.
                self._seen, self._knows_enough_at_s = lately, now_s + PASSED_S
        if share <= _EASE:
            self.overloads.end(now_s)

    def _share(self, seen: Collection[_Measured]) -> float:
        """How much of what is too much there was."""
        lags = _lags(seen)
        late = lags[len(lags) // 2] / _MOSTLY
        if self.cores >= _BUSY_CORES:
            late = max(late, _one_in_four(lags))
        return max(late / self._limits.lag_ms, _average_backlog(seen) / self._limits.backlog_ms)


def _lags(seen: Iterable[_Measured]) -> list[float]:
    return sorted([each.lag_ms for each in seen])


def _one_in_four(lags: list[float]) -> float:
    return lags[(len(lags) - 1) * 3 // 4]


def _average_backlog(seen: Collection[_Measured]) -> float:
    return sum([each.backlog_ms for each in seen]) / max(len(seen), 1)
