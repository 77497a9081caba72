"""Synthetic voices: espeak-ng (through the project's own binding) and, where installed, flite.

Some voices are kept out of training, so that there is something to choose and to test with.
"""

from __future__ import annotations

import io
import random
import shutil
import subprocess
import wave

import numpy as np
import soxr

from ivr.speech.synthesis.espeak import Espeak
from ivr.speech.synthesis.synthesiser import Voice
from training.corpus import Sound
from training.features import RATE

_ACCENTS = ("en-us",) * 4 + ("en", "en-gb-x-rp", "en-029", "en-gb-scotland", "en-us-nyc")
_VARIANTS = (
    "m1 m2 m4 m5 m6 m7 m8 f1 f2 f4 f5 Alex Alicia Andrea Andy Gene Henrique Hugo Jacky Lee"
    " Mario Michael Mike Diogo Denis adam anika antonio belinda benjamin boris david ed edward2"
    " grandma grandpa iven2 john linda marcelo max norbert pablo paul pedro rob robert sandro"
    " steph2 travis victor zac klatt klatt3"
).split()
UNSEEN = "en-us+iven4 en+michel en-us+gustave en-us+klatt5 en+Storm en-us+klatt4".split()
"""Voices of espeak-ng to choose a model with, never trained on. Those that the finished model is
tested with (`bench/recognition.py`) are in neither list.
"""

FLITE = ("slt", "rms", "kal16")
FLITE_UNSEEN = "awb"


class Voices:
    """Voices to train on, chosen anew for each sentence."""

    def __init__(self, seed: int) -> None:
        self._engine = Espeak()
        self._random = random.Random(seed)  # noqa: S311 - voices, not secrets
        self.flite = shutil.which("flite")

    def espeak(self, text: str) -> tuple[str, Sound]:
        """Speak `text` in any voice; return its name and the sound."""
        variant = self._random.choice(("", *(f"+{name}" for name in _VARIANTS)))
        voice = self._random.choice(_ACCENTS) + variant
        pace, pitch = self._random.randint(120, 200), self._random.randint(20, 80)
        return voice, self.as_espeak(voice, text, rate=pace, pitch=pitch)

    def as_espeak(self, voice: str, text: str, *, rate: int = 155, pitch: int = 50) -> Sound:
        """Speak `text` in one voice of espeak-ng."""
        called = Voice(language="en", rate=rate, pitch=pitch, names=(("espeak", voice),))
        spoken, at_rate = self._engine.speak(text, called)
        return _telephone(spoken.astype(np.float32), at_rate)

    def as_flite(self, voice: str, text: str) -> Sound:
        """Speak `text` in one voice of flite."""
        pace = self._random.uniform(0.85, 1.2)
        assert self.flite
        made = subprocess.run(  # noqa: S603
            [
                *(self.flite, "-voice", voice, "--setf", f"duration_stretch={pace:.2f}"),
                *("-t", text, "-o", "/dev/stdout"),
            ],
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        with wave.open(io.BytesIO(made)) as file:
            rate = file.getframerate()
        # The length in the header is not filled in where the output is a pipe.
        samples = np.frombuffer(made[44 : len(made) - len(made) % 2], "<i2")
        return _telephone(samples.astype(np.float32), rate)


def _telephone(samples: np.ndarray, rate: int) -> Sound:
    at_rate = soxr.resample(samples, rate, RATE)
    return np.clip(at_rate, -32768, 32767).astype(np.int16)
