"""Other voices, other rooms, other lines: what makes five speakers stand for many.

A voice is changed by playing it faster or slower (pitch, vocal tract and tempo together), and
then, on its mel energies, by warping frequency (the vocal tract alone) and time (tempo alone).
A line adds a room, a filter, noise, another voice behind, G.711, a lost packet; a phone's level
is anything. Each utterance is changed anew each time it is trained on.
"""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, lfilter

from training.features import CEPSTRA, RATE, Floats

_LOUDEST = 32767.0
_FRAME = RATE // 50


class Line:
    """Everything that happens to a voice before it is heard. `behind` are sounds for the
    background.
    """

    def __init__(self, chance: np.random.Generator, behind: list[NDArray[np.int16]]) -> None:
        self._chance = chance
        self._behind = behind

    def _happens(self, probability: float) -> bool:
        return bool(self._chance.random() < probability)

    def voice(self, samples: Floats, *, widely: bool) -> Floats:
        """Another voice: 0.82 to 1.22 times as fast; `widely` always, else every second time."""
        if not widely and self._happens(0.5):
            return samples
        pace = np.exp(self._chance.uniform(np.log(0.82), np.log(1.22)))
        return soxr.resample(samples, RATE * pace, RATE, quality="MQ").astype(np.float32)

    def joined(self, parts: list[Floats]) -> Floats:
        """Single words as one string, each as loud as the others, with short pauses."""
        string: list[Floats] = []
        for part in parts:
            pause = int(self._chance.uniform(0.0, 0.35) * RATE)
            loud = self._chance.uniform(0.6, 1.0)
            string += [part / (np.abs(part).max() + 1) * 20000 * loud, np.zeros(pause, np.float32)]
        return np.concatenate(string).astype(np.float32)

    def heard(self, samples: Floats) -> Floats:
        """What of `samples` comes out at our end of the line."""
        if self._happens(0.15):
            samples = self._room(samples)
        if self._happens(0.5):
            samples = lfilter([1.0, -self._chance.uniform(-0.6, 0.6)], [1.0], samples)
        if self._happens(0.5):
            low, high = self._chance.uniform(120, 350), self._chance.uniform(2800, 3700)
            b, a = butter(2, [low, high], "band", fs=RATE)
            samples = lfilter(b, a, samples)
        samples = samples / (np.abs(samples).max() + 1) * _LOUDEST
        samples = samples * 10 ** (self._chance.uniform(-28, -1) / 20)
        power = float((samples**2).mean())
        before = np.zeros(int(self._chance.uniform(0.05, 0.5) * RATE))
        after = np.zeros(int(self._chance.uniform(0.1, 0.6) * RATE))
        samples = np.concatenate([before, samples, after])
        if self._happens(0.75):
            samples = samples + self._noise(len(samples), power)
        samples = np.clip(samples, -_LOUDEST, _LOUDEST)
        if self._happens(0.6):
            samples = _g711(samples)
        if self._happens(0.1):
            for at in range(0, len(samples), _FRAME):
                if self._happens(0.02):
                    samples[at : at + _FRAME] = 0
        return np.round(samples).astype(np.float32)

    def warped(self, energies: Floats) -> Floats:
        """Another vocal tract and another tempo, on logarithmic mel energies."""
        if self._happens(0.6):
            tract = float(np.clip(self._chance.normal(1, 0.06), 0.85, 1.15))
            bins = np.clip(np.arange(CEPSTRA) * tract, 0, CEPSTRA - 1)
            low = np.minimum(bins.astype(int), CEPSTRA - 2)
            part = (bins - low).astype(np.float32)
            energies = energies[:, low] * (1 - part) + energies[:, low + 1] * part
        if self._happens(0.6):
            tempo = self._chance.uniform(0.8, 1.25)
            at = np.linspace(0, len(energies) - 1, max(2, int(len(energies) / tempo)))
            first = np.minimum(at.astype(int), len(energies) - 2)
            part = (at - first).astype(np.float32)[:, None]
            energies = energies[first] * (1 - part) + energies[first + 1] * part
        return energies.astype(np.float32)

    def masked(self, features: Floats) -> Floats:
        """Some moments forgotten (SpecAugment, Park et al., 2019)."""
        if self._happens(0.5):
            features = features.copy()
            for _ in range(1 + len(features) // 150):
                length = int(self._chance.integers(3, 14))
                at = int(self._chance.integers(0, max(1, len(features) - length)))
                features[at : at + length] = features.mean(0)
        return features

    def _room(self, samples: Floats) -> Floats:
        length = int(self._chance.uniform(0.08, 0.35) * RATE)
        decay = np.exp(-6.9 * np.arange(length) / length)
        echo = self._chance.normal(0, 1, length) * decay
        echo *= self._chance.uniform(0.1, 0.6) / np.sqrt((echo**2).sum())
        echo[0] = 1.0
        return fftconvolve(samples, echo).astype(np.float32)

    def _noise(self, length: int, power: float) -> Floats:
        below = self._chance.uniform(8, 42)
        kind = self._chance.random()
        if kind < 0.45:
            noise = self._chance.normal(0, 1, length)
        elif kind < 0.75:
            noise = lfilter([1.0], [1.0, -self._chance.uniform(0.5, 0.97)], self._white(length))
        elif kind < 0.9 and self._behind:
            below = max(below, 12)
            noise = np.zeros(length)
            for _ in range(int(self._chance.integers(1, 5))):
                voice = self._behind[int(self._chance.integers(len(self._behind)))]
                at = int(self._chance.integers(length))
                part = np.asarray(voice[: length - at], np.float32)
                noise[at : at + len(part)] += part
        else:
            hum = self._chance.choice([50, 60]) * np.arange(1, 6)[:, None]
            shares = self._chance.random((5, 1))
            noise = (shares * np.sin(2 * np.pi * hum * np.arange(length) / RATE)).sum(0)
            noise = noise + 0.2 * self._white(length)
        scale = np.sqrt(power / (float((noise**2).mean()) + 1e-9)) * 10 ** (-below / 20)
        return (noise * scale).astype(np.float32)

    def _white(self, length: int) -> Floats:
        return self._chance.normal(0, 1, length).astype(np.float32)


def _g711(samples: Floats) -> Floats:
    """There and back through the companding curve of mu-law (ITU-T G.711), in 8 bits."""
    scale = np.log(256)
    small = np.sign(samples) * np.log1p(255 * np.abs(samples) / 32768) / scale
    small = np.round(small * 127) / 127
    return np.sign(small) * (np.expm1(np.abs(small) * scale) / 255) * 32768
