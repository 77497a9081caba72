"""Sound at another rate: whole prompts in one piece, never a call's frames.

One-shot soxr is exact in time; a streaming resampler at the same quality delays by 29-61 ms and
carries state from one sound into the next. Calls therefore stay at the line's rate.
"""

from __future__ import annotations

import numpy as np
import soxr

from ivr.audio.format import Audio, AudioFormat

_LOUDEST = 32767


def resample(audio: Audio, rate: int) -> Audio:
    """Return `audio` at `rate` Hz: as long (to half a sample), as loud, nothing before or behind.

    Peaks that the new rate would carry past full scale are clipped, not wrapped. Raises
    ValueError for a rate that `AudioFormat` does not know.
    """
    old = audio.format
    new = AudioFormat(rate, old.ptime_ms)
    if new.rate == old.rate:
        return audio
    samples = audio.samples
    length = (samples.size * new.rate + old.rate // 2) // old.rate
    if not length:
        return Audio(b"", new)
    # As floats: between 16-bit integers soxr adds dither, and silence would not stay silent.
    wave = soxr.resample(samples.astype(np.float32), old.rate, new.rate, quality="HQ")
    wave = np.pad(wave[:length], (0, max(0, length - len(wave))))
    return Audio.from_samples(np.rint(np.clip(wave, -_LOUDEST - 1, _LOUDEST)).astype(np.int16), new)
