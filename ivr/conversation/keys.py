"""Collecting keys into entries: complete at the length, at the terminator, or when the caller
stops keying. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from ivr.dialogue.actions import DigitEntry

KEYS = frozenset("0123456789*#ABCD")
"""What a telephone can send (RFC 4733 section 3.2)."""


@dataclass(slots=True)
class KeyCollector:
    """Keys as they come, times in ms."""

    entry: DigitEntry = field(default_factory=DigitEntry)
    keys: str = ""
    last_ms: float = 0.0

    def press(self, key: str, now_ms: float) -> str | None:
        """Take one key; returns the complete entry when this key completes it.

        The terminator alone is an entry of its own ("#"): somebody pressed it, and an answer is
        due. Unknown keys are ignored.
        """
        if key not in KEYS:
            return None
        self.last_ms = now_ms
        if key == self.entry.terminator and self.keys:
            return self.take()
        self.keys += key
        if len(self.keys) >= self.entry.most or self.keys == self.entry.terminator:
            return self.take()
        return None

    def tick(self, now_ms: float) -> str | None:
        """Return the entry when the caller has stopped keying, else None."""
        if self.keys and now_ms - self.last_ms >= self.entry.gap_ms:
            return self.take()
        return None

    def take(self) -> str:
        """Return what has been keyed, and begin anew."""
        keys, self.keys = self.keys, ""
        return keys
