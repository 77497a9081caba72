"""When a message that a caller leaves is over. Pure, all times in ms on any monotonic scale.

Rules it keeps:
- Any key ends it.
- So does silence: `silence_ms` of it after words, `FIRST_WORDS_MS` before the first.
- So does its length.
- It is decided once, and a message without a word is none.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

FIRST_WORDS_MS = 8000
"""How long a caller may think before they begin."""
_A_WORD_MS = 200
"""Speech in all, below which nothing was said."""


class Over(enum.Enum):
    """What ended a message."""

    KEY = "key"
    SILENCE = "silence"
    LENGTH = "length"


@dataclass(slots=True)
class MessageTaking:
    """One message, from the tone at `began_ms` on."""

    began_ms: float
    longest_ms: float
    silence_ms: float
    over: Over | None = None
    speech_ms: float = 0.0
    _last_ms: float | None = None

    @property
    def words(self) -> bool:
        """Whether anything was said."""
        return self.speech_ms >= _A_WORD_MS

    def frame(self, *, speech: bool, frame_ms: float, now_ms: float) -> None:
        """Take the voice activity of one frame that ends at `now_ms`."""
        if speech:
            self.speech_ms += frame_ms
            self._last_ms = now_ms
        self.tick(now_ms)

    def key(self) -> None:
        """The caller presses a key."""
        self.over = self.over or Over.KEY

    def tick(self, now_ms: float) -> None:
        """Let time pass: also when no frame comes at all."""
        if self.over is not None:
            return
        since, patience = self.began_ms, max(FIRST_WORDS_MS, self.silence_ms)
        if self.words and self._last_ms is not None:
            since, patience = self._last_ms, self.silence_ms
        if now_ms - self.began_ms >= self.longest_ms:
            self.over = Over.LENGTH
        elif now_ms - since >= patience:
            self.over = Over.SILENCE
