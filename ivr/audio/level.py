"""How loud sound is. Levels are RMS in dBFS: a square wave of full scale is at 0, a sine at -3."""

from __future__ import annotations

import math

import numpy as np

FULL_SCALE = 32768
"""Magnitude that 0 dBFS stands for."""

NO_SOUND_DBFS = -100.0
"""Level of digital silence, and of nothing at all; a lone step of one bit in 20 ms is at -112."""

AUDIBLE_PEAK = 32
"""Peak above which a frame is sound: -60 dBFS, above the idle noise of G.711 and of soxr."""

_CLIPPED = FULL_SCALE - 1
_PCM = np.dtype("<i2")


def peak(pcm: bytes) -> int:
    """Greatest magnitude in linear 16-bit little-endian `pcm`, 0..32768; 0 of nothing."""
    if not pcm:
        return 0
    samples = np.frombuffer(pcm, _PCM)
    return max(int(samples.max()), -int(samples.min()))


def level_dbfs(pcm: bytes) -> float:
    """RMS level of linear 16-bit little-endian `pcm` in dBFS, never below NO_SOUND_DBFS."""
    if not pcm:
        return NO_SOUND_DBFS
    samples = np.frombuffer(pcm, _PCM).astype(np.float32)
    return power_dbfs(float(samples.dot(samples)) / len(samples))


def power_dbfs(mean_square: float) -> float:
    """Level of a mean square of 16-bit samples, in dBFS, never below NO_SOUND_DBFS."""
    if mean_square <= 0:
        return NO_SOUND_DBFS
    return max(NO_SOUND_DBFS, 10 * math.log10(mean_square / FULL_SCALE**2))


def clipped_samples(pcm: bytes, ceiling: int = _CLIPPED) -> int:
    """How many samples of linear 16-bit little-endian `pcm` stand at full scale, or at the
    `ceiling` of the codec that they came through."""
    samples = np.frombuffer(pcm, _PCM)
    if not pcm or (np.maximum.reduce(samples) < ceiling and np.minimum.reduce(samples) > -ceiling):
        return 0
    return int(np.count_nonzero((samples >= ceiling) | (samples <= -ceiling)))


def is_audible(pcm: bytes, threshold: int = AUDIBLE_PEAK) -> bool:
    """Whether linear 16-bit little-endian `pcm` peaks above `threshold`.

    For sound of ours that goes out: silence with a bit of dither or of G.711's idle noise is
    not audible, the softest consonant is.
    """
    return peak(pcm) > threshold
