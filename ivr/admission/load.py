"""Whether this worker can carry one call more: by how late its event loop is and how far its
recogniser is behind, never by a number somebody guessed.

A worker that is late is heard by every caller it has, so it takes no new one until it has been
on time again for a while. Pure: fed with measurements and the time.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median

WINDOW_S = 2.0
"""How much of the past counts: a hiccup is no overload, and one that lasts is one soon."""

_EASE = 0.5
"""What has been too much is over at this share of it, so that the door does not flap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadLimits:
    """From where on a worker takes no new call."""

    lag_ms: float = 40.0
    """Median lateness of the event loop: two frames, what a phone's jitter buffer can make good."""
    backlog_ms: float = 1000.0
    """Sound that waits to be recognised, for each thread that recognises: by so many hundredths
    later answers come."""


class LoadGate:
    """Open while the worker can take calls."""

    def __init__(self, limits: LoadLimits | None = None) -> None:
        self._limits = limits or LoadLimits()
        self._seen: deque[tuple[float, float, float]] = deque()
        self._open = True

    @property
    def open(self) -> bool:
        """Whether one call more may come."""
        return self._open

    @property
    def lag_ms(self) -> float:
        """How late the event loop is, mostly: a model that loads holds it up once."""
        return median(lag for _, lag, _ in self._seen) if self._seen else 0.0

    @property
    def backlog_ms(self) -> float:
        """How much sound waits to be recognised, for each thread, on average."""
        return sum(backlog for _, _, backlog in self._seen) / max(len(self._seen), 1)

    def note(self, now_s: float, lag_ms: float, backlog_ms: float) -> None:
        """Take a measurement; the latest of the last `WINDOW_S` decide."""
        self._seen.append((now_s, lag_ms, backlog_ms))
        while self._seen[0][0] <= now_s - WINDOW_S:
            self._seen.popleft()
        share = max(self.lag_ms / self._limits.lag_ms, self.backlog_ms / self._limits.backlog_ms)
        self._open = share < (1.0 if self._open else _EASE)
