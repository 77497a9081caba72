"""An engine that speaks by clause and can be held up: a tone as long as the text."""

from __future__ import annotations

import threading

import numpy as np

from ivr.audio.format import Audio, Samples
from ivr.speech.synthesis.engine import EngineFacts, primary
from ivr.speech.synthesis.sound import telephone_sound
from ivr.speech.synthesis.synthesiser import NotSpoken, Voice

RATE = 16_000
MS_PER_LETTER = 20


class SlowEngine:
    """See `Engine`. `texts` is what it has been asked for."""

    facts = EngineFacts(kind="slow", version="slow engine 1", models={"en": "m"}, by_clause=True)
    limit_s = 30.0

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._go = threading.Event()
        self._go.set()
        self._hold_after: int | None = None

    def hold_after(self, texts: int) -> None:
        """Speak so many texts more, then wait for `let_go`."""
        self._hold_after = len(self.texts) + texts
        self._go.clear()

    def let_go(self) -> None:
        self._hold_after = None
        self._go.set()

    def speak(self, text: str, voice: Voice) -> tuple[Samples, int]:
        if primary(voice.language) != "en":
            raise NotSpoken(f"It does not speak {voice.language}.")
        if self._hold_after is not None and len(self.texts) >= self._hold_after:
            self._go.wait(30)
        self.texts.append(text)
        return _tone(text), RATE

    def sound(self, text: str) -> Audio:
        """What comes over the wire for a text."""
        return telephone_sound(_tone(text), RATE)


def _tone(text: str) -> Samples:
    at = np.arange(len(text) * MS_PER_LETTER * RATE // 1000) / RATE
    return (8000 * np.sin(2 * np.pi * (300 + len(text)) * at)).astype(np.int16)
