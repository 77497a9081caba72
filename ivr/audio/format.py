"""What a run of bytes sounds like: the format travels with the sound.

Inside the worker all sound is linear 16-bit little-endian mono, cut in frames of 20 ms
(RFC 3551 section 4.2: the default packetisation interval). Telephone lines run at 8,000 Hz.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

FRAME_MS = 20
"""Duration of one frame, in ms."""

SAMPLE_BYTES = 2
"""Width of one linear sample, in bytes."""

Samples = npt.NDArray[np.int16]
"""Mono linear samples, shape (n,), native int16."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Linear 16-bit mono at `rate` Hz, in frames of `ptime_ms`."""

    rate: int = 8000
    ptime_ms: int = FRAME_MS

    def __post_init__(self) -> None:
        if not 8000 <= self.rate <= 48000:
            raise ValueError(f"sample rate {self.rate} Hz is outside 8,000..48,000 Hz")
        if self.rate * self.ptime_ms % 1000:
            raise ValueError(f"{self.ptime_ms} ms at {self.rate} Hz is no whole number of samples")

    @property
    def frame_samples(self) -> int:
        """Samples in one frame."""
        return self.rate * self.ptime_ms // 1000

    @property
    def frame_bytes(self) -> int:
        """Bytes in one frame."""
        return self.frame_samples * SAMPLE_BYTES

    @property
    def silence(self) -> bytes:
        """One frame of digital silence: the same object each time, so that many calls that hear
        nothing keep nothing."""
        return _silence(self.frame_bytes)


@cache
def _silence(size: int) -> bytes:
    return bytes(size)


TELEPHONE = AudioFormat(8000)
"""The format of a telephone line: 8,000 Hz, 160 samples (320 bytes) each 20 ms."""


@dataclass(frozen=True, slots=True)
class Audio:
    """A piece of sound: `pcm` is linear 16-bit little-endian mono in `format`."""

    pcm: bytes
    format: AudioFormat = TELEPHONE

    def __post_init__(self) -> None:
        if len(self.pcm) % SAMPLE_BYTES:
            raise ValueError(f"{len(self.pcm)} bytes are no whole number of 16-bit samples")

    @classmethod
    def from_samples(cls, samples: Samples, format: AudioFormat = TELEPHONE) -> Audio:
        """Sound from int16 samples of shape (n,)."""
        return cls(samples.astype("<i2").tobytes(), format)

    @property
    def samples(self) -> Samples:
        """The samples, int16, shape (n,); a read-only view."""
        return np.frombuffer(self.pcm, dtype="<i2")

    @property
    def duration_ms(self) -> float:
        """How long it sounds, in ms."""
        return len(self.pcm) / SAMPLE_BYTES * 1000 / self.format.rate
