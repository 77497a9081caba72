"""Whether sound has a voice in it: something that repeats at the pitch of a throat, and is no
tone of a machine. Hiss, wind and clicks do not repeat; keys and call-progress tones do, but lie
in two or three lines of the spectrum, where a voice spreads over many.
"""

from __future__ import annotations

import enum

import numpy as np
import numpy.typing as npt

from ivr.audio.format import TELEPHONE

Frame = npt.NDArray[np.float32]
"""One frame of 20 ms at 8,000 Hz: 160 samples, float32, in units of 16-bit samples."""

FRAME = TELEPHONE.frame_samples

_SHORTEST = 20
"""Samples in the shortest period looked for: a pitch of 400 Hz."""

_LONGEST = 133
"""Samples in the longest period looked for: a pitch of 60 Hz."""

_LOW_CUT = 0.5
"""Of each sample that is taken from the next: wind and traffic lose their slow swing, which
would pass for a period, and a voice among hiss keeps its low harmonics."""

_VOICED = 0.45
"""Correlation of a frame with itself a period earlier that makes it a voice. Of white and pink
noise one frame in a thousand is above 0.37; of vowels at 15 dB over white noise three in four
are above 0.5."""

_CLEARLY_VOICED = 0.6
"""The edges of a hum reach 0.5."""

_LEAST_BEFORE = 0.3
"""Share of a frame's energy that must have been there a period earlier for a full likeness: the
first ms of any sound are like themselves."""

_TONE_CUT = 0.9
_TONE_BINS = 6
_TONE_SHARE = 0.95
"""Share of the power in the six strongest of 80 bins that makes sound a tone: DTMF and
call-progress tones are above 0.99, of human digits one frame in twenty is above 0.88."""


class Voicing(enum.Enum):
    """What a frame is."""

    VOICE = "voice"
    CLEAR_VOICE = "clear voice"
    TONE = "tone"
    NEITHER = "neither"


class VoicingMeter:
    """Measures one frame against the one before it. Keeps buffers, so one for each call."""

    def __init__(self) -> None:
        self._pair = np.zeros(2 * FRAME, np.float32)
        earlier = np.lib.stride_tricks.sliding_window_view(self._pair, FRAME)
        self._lagged = earlier[FRAME - _LONGEST : FRAME - _SHORTEST + 1]
        self._window = np.hanning(FRAME).astype(np.float32)

    def measure(self, before: Frame, frame: Frame) -> Voicing:
        """Say what `frame` is; `before` is the frame that came before it. About 30 us."""
        pair = self._pair
        pair[:FRAME] = before
        pair[FRAME:] = frame
        pair[1:] -= _LOW_CUT * pair[:-1]
        periodicity = self._periodicity()
        if periodicity < _VOICED:
            return Voicing.NEITHER
        if self._is_tone(frame):
            return Voicing.TONE
        return Voicing.CLEAR_VOICE if periodicity >= _CLEARLY_VOICED else Voicing.VOICE

    def _periodicity(self) -> float:
        """Greatest normalised correlation over the periods looked for, at most 1.

        Sound without treble is like itself a moment later whether it repeats or not, so what
        only falls from the shortest period on is no peak.
        """
        now = self._pair[FRAME:]
        powers = np.cumsum(self._pair * self._pair)
        energies = powers[2 * FRAME - _LONGEST - 1 : 2 * FRAME - _SHORTEST]
        energies = energies - powers[FRAME - _LONGEST - 1 : FRAME - _SHORTEST]
        energy = now.dot(now)
        scale = np.sqrt(np.maximum(energies, _LEAST_BEFORE * energy) * energy) + 1.0
        likeness = (self._lagged.dot(now) / scale)[::-1]
        rises = likeness[1:] > likeness[:-1]
        return float(likeness[int(rises.argmax()) :].max())

    def _is_tone(self, frame: Frame) -> bool:
        bright = frame.copy()
        bright[1:] -= _TONE_CUT * frame[:-1]
        bright[0] *= 1 - _TONE_CUT
        power = np.abs(np.fft.rfft(bright * self._window)) ** 2
        strongest = np.partition(power, -_TONE_BINS)[-_TONE_BINS:]
        return bool(strongest.sum() > _TONE_SHARE * power.sum())
