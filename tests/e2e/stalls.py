"""Noticing that the machine itself stands still: then sound in real time cannot be whole."""

from __future__ import annotations

import threading
import time

STALL_MS = 30.0
"""Lateness of a thread that wants nothing but to wake up. Sound survives 60 ms of it
(`audio.playout.CATCH_UP_MS`), in a process that has less luck with the scheduler than we."""

_NAP_S = 0.01


class StallWatch:
    """`with StallWatch() as watch: ...`: how often, meanwhile, this machine stalled."""

    def __init__(self) -> None:
        self.stalls = 0
        self.longest_ms = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="stall-watch", daemon=True)

    def __enter__(self) -> StallWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        before = time.monotonic()
        while not self._over.wait(_NAP_S):
            now = time.monotonic()
            late_ms = (now - before - _NAP_S) * 1000
            before = now
            self.longest_ms = max(self.longest_ms, late_ms)
            if late_ms > STALL_MS:
                self.stalls += 1
