"""Whether this worker is overloaded: by how late its event loop is and how far its recogniser is
behind, never by a number of calls that somebody guessed.

A worker that is late is heard by every caller it has, so it takes no new one until it has been
on time again for a while. Pure: fed with measurements and the time.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median

WINDOW_S = 4.0
"""How much of the past counts: a hiccup is no overload, and one that lasts is one soon."""

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
        self._overloaded = False
        self._knows_enough = False

    @property
    def overloaded(self) -> bool:
        """Whether it is late, or behind."""
        return self._overloaded

    @property
    def lag_ms(self) -> float:
        """How late the event loop is in one moment of four: a model that loads holds it up once."""
        lags = sorted(each.lag_ms for each in self._seen)
        return lags[(len(lags) - 1) * 3 // 4] if lags else 0.0

    @property
    def backlog_ms(self) -> float:
        """How long recognition takes to do what waits for it, on average."""
        return sum(each.backlog_ms for each in self._seen) / max(len(self._seen), 1)

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
        self._seen.append(_Measured(now_s, lag_ms, backlog_ms, cpu_s))
        while self._seen[0].at_s <= now_s - WINDOW_S:
            self._seen.popleft()
            self._knows_enough = True
        if not self._knows_enough:
            return
        late = median(each.lag_ms for each in self._seen) / _MOSTLY
        if self.cores >= _BUSY_CORES:
            late = max(late, self.lag_ms)
        share = max(late / self._limits.lag_ms, self.backlog_ms / self._limits.backlog_ms)
        self._overloaded = share > (_EASE if self._overloaded else 1.0)
