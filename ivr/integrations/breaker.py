"""A circuit breaker: an integration that fails again and again is let rest. Pure; time is given.

closed ── failures in a row ──▶ open ── after a while ──▶ half open ── it answers ──▶ closed
▲                            │
└──────── it fails ──────────┘
"""

from __future__ import annotations


class Breaker:
    """`failures` in a row open it for `rests_s`; then one request at a time may try."""

    def __init__(self, failures: int, rests_s: float) -> None:
        self._limit = failures
        self._rests_s = rests_s
        self._failed = 0
        self._open_until: float | None = None
        self._trying = False

    def may_ask(self, now: float) -> bool:
        """Whether a request may be made at `now`; each that may must be told of, by `answered`,
        `failed` or `let_go`.
        """
        if self._open_until is None:
            return True
        if now < self._open_until or self._trying:
            return False
        self._trying = True
        return True

    def answered(self) -> None:
        """It answered, whatever it said."""
        self._failed, self._open_until, self._trying = 0, None, False

    def failed(self, now: float) -> None:
        """It did not answer, or only that it is broken."""
        self._failed += 1
        if self._trying or self._failed >= self._limit:
            self._open_until = now + self._rests_s
        self._trying = False

    def let_go(self) -> None:
        """The request was given up before anything could be known."""
        self._trying = False
