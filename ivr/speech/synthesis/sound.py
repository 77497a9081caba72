"""An engine's sound made fit for the telephone: trimmed, at 8,000 Hz, and as loud as the rest.

The level is that of active speech, as in ITU-T P.56: pauses do not count, or a sentence with
many of them would be played louder.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ivr.audio.format import TELEPHONE, Audio, AudioFormat, Samples
from ivr.audio.resampling import resample

LEVEL_DBFS = -20.0
"""RMS of active speech, in dB against full scale (a sine of full scale is at -3)."""

LEAD_MS = 20
"""Silence left before the first sound."""

TAIL_MS = 60
"""Silence left behind the last sound: words end softer than they begin."""

SOUND_VERSION = 1
"""Raised when what is done to an engine's sound changes, so that cached prompts are made anew."""

_PEAK = 0.95
_WINDOW_MS = 5
_ACTIVE_DB = -40.0  # against the loudest window
_AUDIBLE = 1e-3  # -60 dBFS: below it there is nothing worth making louder


def telephone_sound(samples: Samples, rate: int) -> Audio:
    """`samples` (int16, mono, shape (n,)) at `rate` Hz as sound at 8,000 Hz.

    Without the silence around it, at LEVEL_DBFS or as near to it as the peak allows without
    clipping. Empty when it is silent.
    """
    audio = resample(Audio.from_samples(samples, AudioFormat(rate)), TELEPHONE.rate)
    wave = audio.samples.astype(np.float32) / 32768.0
    window = TELEPHONE.rate * _WINDOW_MS // 1000
    loudness = _window_rms(wave, window)
    if not loudness.size or loudness.max() < _AUDIBLE:
        return Audio(b"")
    active = np.flatnonzero(loudness > loudness.max() * 10 ** (_ACTIVE_DB / 20))
    level = float(np.sqrt(np.mean(loudness[active] ** 2)))
    first = max(0, int(active[0]) * window - TELEPHONE.rate * LEAD_MS // 1000)
    last = (int(active[-1]) + 1) * window + TELEPHONE.rate * TAIL_MS // 1000
    wave = wave[first:last]
    gain = min(10 ** (LEVEL_DBFS / 20) / level, _PEAK / float(np.abs(wave).max()))
    return Audio.from_samples(np.rint(wave * gain * 32767.0).astype(np.int16))


def _window_rms(wave: npt.NDArray[np.float32], window: int) -> npt.NDArray[np.float32]:
    """RMS of each whole or partial window of `window` samples."""
    padded = np.pad(wave, (0, -len(wave) % window)).reshape(-1, window)
    rms: npt.NDArray[np.float32] = np.sqrt(np.mean(padded**2, axis=1))
    return rms
