"""A tone, as a telephone gives one."""

from __future__ import annotations

import numpy as np

from ivr.audio.format import TELEPHONE, Audio, AudioFormat

_RAMP_MS = 5
"""So long to its level, and back: a tone that begins at once clicks."""


def tone(hz: float, ms: float, *, peak: int = 8000, format: AudioFormat = TELEPHONE) -> Audio:
    """A sine of `hz` for `ms`, its magnitude up to `peak` of 32767."""
    count = round(format.rate * ms / 1000)
    time = np.arange(count) / format.rate
    ramp = format.rate * _RAMP_MS / 1000
    steps = np.arange(count)
    envelope = np.clip(np.minimum(steps, count - 1 - steps) / ramp, 0.0, 1.0)
    samples = peak * envelope * np.sin(2 * np.pi * hz * time)
    return Audio.from_samples(np.round(samples).astype(np.int16), format)
