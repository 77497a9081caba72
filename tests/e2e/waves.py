"""Finding a sentence in a recording by its sound, whatever the language."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ivr.audio.format import Audio

_HOP = 80
_WINDOW = 256
_BANDS = 24
_FLOOR = 1.0
"""Of a band's energy, so that silence has a level."""

Picture = npt.NDArray[np.float64]
"""Shape (frames of 10 ms, bands): the logarithm of each band's energy."""


def resemblance(sentence: Audio, recording: Audio) -> float:
    """How well `sentence` is found in `recording`, 1 at best: the correlation of their spectrograms
    where it is highest. A voice that never says a sentence twice in quite the same way reaches 0.9;
    another sentence of the same voice stays below 0.7.
    """
    wanted, heard = _picture(sentence), _picture(recording)
    places = len(heard) - len(wanted) + 1
    return max(
        (_correlation(wanted, heard[place : place + len(wanted)]) for place in range(places)),
        default=0.0,
    )


def _picture(audio: Audio) -> Picture:
    samples = audio.samples.astype(float)
    frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW), axis=1)) ** 2
    bands = [band.sum(axis=1) for band in np.array_split(power[:, 4:120], _BANDS, axis=1)]
    picture: Picture = np.log10(np.stack(bands, axis=1) + _FLOOR * _WINDOW**2)
    return picture


def _correlation(one: Picture, other: Picture) -> float:
    one, other = one - one.mean(), other - other.mean()
    norm = np.sqrt((one**2).sum() * (other**2).sum())
    return float((one * other).sum() / norm) if norm else 0.0
