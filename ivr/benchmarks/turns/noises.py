"""Sounds without words, made of noise and buzz: a hum, a cough, a knock, a burst on the line.
int16-scaled float samples at 8,000 Hz, loudest part at about full scale 1.0."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ivr.audio.format import TELEPHONE

Wave = npt.NDArray[np.float64]

_RATE = TELEPHONE.rate


def hum(rng: np.random.Generator) -> Wave:
    """What is said through the nose, "hmm": a buzz below 600 Hz, once or twice."""
    parts = []
    for _ in range(int(rng.integers(1, 3))):
        seconds = float(rng.uniform(0.18, 0.45))
        t = np.arange(int(_RATE * seconds)) / _RATE
        pitch = float(rng.uniform(95, 190)) * (1 + float(rng.uniform(-0.15, 0.15)) * t / seconds)
        phase = 2 * np.pi * np.cumsum(pitch) / _RATE
        buzz = sum(np.sin(n * phase) / n**2 for n in range(1, 7))
        parts += [buzz * _swell(t.size, 0.04, 0.08), np.zeros(int(_RATE * 0.07))]
    return _full(np.concatenate(parts[:-1]))


def cough(rng: np.random.Generator) -> Wave:
    """Two or three bursts; each a sharp onset of coloured noise that dies away, and in most a
    little voice after it (phases as in Korpas et al. 1996, "Analysis of the cough sound",
    Pulmonary Pharmacology 9)."""
    parts = []
    voiced = rng.random() < 0.6
    for number in range(int(rng.integers(1, 4))):
        seconds = float(rng.uniform(0.16, 0.34))
        t = np.arange(int(_RATE * seconds)) / _RATE
        burst = _coloured(t.size, rng, 400, 2600) * np.exp(-t / float(rng.uniform(0.04, 0.09)))
        if voiced:
            start = t > 0.08
            pitch = float(rng.uniform(110, 260)) * (1 - 0.3 * t / seconds)
            phase = 2 * np.pi * np.cumsum(pitch) / _RATE
            rough = sum(np.sin(n * phase) / n for n in range(1, 9))
            burst = burst + 0.22 * rough * start * np.exp(-(t - 0.08).clip(0) / 0.06)
        parts.append(burst / (1 + 0.4 * number))
        parts.append(np.zeros(int(_RATE * float(rng.uniform(0.05, 0.18)))))
    return _full(np.concatenate(parts[:-1]))


def knock(rng: np.random.Generator) -> Wave:
    """Something falls on the table, up to four times."""
    parts = []
    for _ in range(int(rng.integers(1, 5))):
        t = np.arange(int(_RATE * 0.09)) / _RATE
        body = np.sin(2 * np.pi * float(rng.uniform(90, 240)) * t) * np.exp(-t / 0.02)
        click = _coloured(t.size, rng, 300, 3300) * np.exp(-t / 0.006)
        parts += [body + click, np.zeros(int(_RATE * float(rng.uniform(0.1, 0.4))))]
    return _full(np.concatenate(parts[:-1]))


def burst(rng: np.random.Generator) -> Wave:
    """Wind, or a lorry: noise that swells for up to a second and a half."""
    seconds = float(rng.uniform(0.4, 1.5))
    size = int(_RATE * seconds)
    return _full(_coloured(size, rng, 150, float(rng.uniform(900, 3300))) * _swell(size, 0.2, 0.3))


def _coloured(size: int, rng: np.random.Generator, low: float, high: float) -> Wave:
    spectrum = np.fft.rfft(rng.normal(0, 1, size))
    frequencies = np.fft.rfftfreq(size, 1 / _RATE)
    spectrum *= 1 / (1 + (frequencies / high) ** 4) * (1 - 1 / (1 + (frequencies / low) ** 4))
    wave: Wave = np.fft.irfft(spectrum, size)
    return wave


def _swell(size: int, rise_s: float, fall_s: float) -> Wave:
    envelope = np.ones(size)
    rise, fall = min(int(_RATE * rise_s), size // 2), min(int(_RATE * fall_s), size // 2)
    envelope[:rise] = np.linspace(0, 1, rise)
    envelope[size - fall :] = np.linspace(1, 0, fall)
    return envelope


def _full(wave: Wave) -> Wave:
    return wave / max(float(np.abs(wave).max()), 1e-9)
