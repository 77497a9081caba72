"""The music that waiting callers hear; `scripts/make_hold_music.py` makes it."""

from __future__ import annotations

from functools import cache

from ivr.audio.format import Audio
from ivr.audio.wav import read_wav
from ivr.speech.recordings import FOLDER


@cache
def hold_music() -> Audio:
    """Return the loop that comes with the program, at 8,000 Hz."""
    return read_wav(FOLDER / "hold" / "music.wav")
