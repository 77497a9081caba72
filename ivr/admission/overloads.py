"""When a worker was overloaded: the overload under way, or the last one. Pure."""

from __future__ import annotations

import math

ALONE_S = 30.0
"""An overload comes alone where so long before none was: somebody else had the processor, or a few
callers spoke at once. It says little of how many calls are too many."""


class Overloads:
    """None so far. Times are of one monotonic clock, in seconds."""

    def __init__(self) -> None:
        self.under_way = False
        self.alone = False
        """Whether it came alone."""
        self.began_s = 0.0
        self._passed_s = -math.inf

    @property
    def lasted_s(self) -> float:
        """How long the last one that has passed took."""
        return self._passed_s - self.began_s

    def begin(self, now_s: float) -> None:
        """One begins."""
        self.under_way = True
        self.alone = now_s - self._passed_s >= ALONE_S
        self.began_s = now_s

    def end(self, now_s: float) -> None:
        """It has passed."""
        self.under_way = False
        self._passed_s = now_s
