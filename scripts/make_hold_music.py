"""Makes the music that waiting callers hear: ivr/speech/recorded/hold/music.wav.

    python scripts/make_hold_music.py

Composed here, note by note, so that it is ours to give away. Four chords, broken, plucked; the
end runs into the beginning, because it is played over and over.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ivr.audio.format import TELEPHONE, Audio
from ivr.audio.wav import write_wav

FILE = Path(__file__).parents[1] / "ivr" / "speech" / "recorded" / "hold" / "music.wav"

NOTE_S = 0.32
LEVEL = 0.12
"""Of full scale: softer than speech, so that nobody holds the receiver away."""

CHORDS = ((60, 64, 67, 71), (57, 60, 64, 69), (53, 57, 60, 65), (55, 59, 62, 67))
"""MIDI numbers: C major seven, A minor, F major, G major."""
PATTERN = (0, 1, 2, 3, 2, 1, 2, 1)


def pluck(midi: int) -> np.ndarray:
    """One plucked note, which rings for longer than its own time."""
    t = np.arange(int(TELEPHONE.rate * 1.6)) / TELEPHONE.rate
    hz = 440.0 * 2 ** ((midi - 69) / 12)
    partials = sum(np.sin(2 * np.pi * hz * n * t) / n**1.6 for n in (1, 2, 3))
    return np.asarray(partials * np.exp(-t / 0.35) * np.minimum(1.0, t / 0.004))


def music() -> Audio:
    """The whole loop."""
    notes = [chord[step] for chord in CHORDS for step in PATTERN]
    step = int(TELEPHONE.rate * NOTE_S)
    loop = np.zeros(step * len(notes))
    for place, midi in enumerate(notes):
        sound = pluck(midi)
        where = (np.arange(sound.size) + place * step) % loop.size
        np.add.at(loop, where, sound)
    loop *= LEVEL / np.abs(loop).max()
    return Audio.from_samples(np.round(loop * 32767).astype(np.int16))


if __name__ == "__main__":
    FILE.parent.mkdir(parents=True, exist_ok=True)
    write_wav(FILE, music())
