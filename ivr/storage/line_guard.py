"""Shuts the sockets of connections down whose peer lets them wait: from a thread of its own, for
psycopg and the server's own timeouts say nothing of a server that is frozen."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg import Connection

_LOOK_S = 0.25
"""From one look at the time to the next, while something was guarded lately: to arm and to disarm
then wakes nobody."""
_IDLE_LOOKS = 40
"""Looks at nothing, after which the thread ends."""


class LineGuard:
    """Guards one line at a time, each for `seconds` at most (and a quarter of a second more)."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._line: Connection | None = None
        self._until = 0.0
        self._thread: threading.Thread | None = None
        self._cut = False

    @contextmanager
    def over(self, line: Connection) -> Iterator[None]:
        """Shut `line` down unless the block is left in time; at once after `cut`."""
        with self._lock:
            self._line = line
            self._until = time.monotonic() + self._seconds
            if self._cut:
                self._shut()
            elif self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="line-guard", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._line = None

    def cut(self) -> None:
        """Let nothing wait any more, now or later. From any thread."""
        with self._lock:
            self._cut = True
            self._shut()

    def _watch(self) -> None:
        idle = 0
        while idle < _IDLE_LOOKS:
            time.sleep(_LOOK_S)
            with self._lock:
                idle = idle + 1 if self._line is None else 0
                if time.monotonic() >= self._until:
                    self._shut()
                if idle >= _IDLE_LOOKS or self._cut:
                    self._thread = None
                    return

    def _shut(self) -> None:
        line, self._line = self._line, None
        if line is None:
            return
        # On a copy: the line itself goes on owning its descriptor.
        with (
            suppress(OSError, psycopg.Error),
            socket.socket(fileno=os.dup(line.fileno())) as copy,
        ):
            copy.shutdown(socket.SHUT_RDWR)
