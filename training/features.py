"""What the network hears: 40 mel-cepstral coefficients each 10 ms, as Kaldi computes them.

They are made in two steps, because a voice is changed in between: `mel` gives logarithmic mel
energies, which can be warped along frequency (another vocal tract) and time (another tempo);
`cepstra` turns them into the coefficients. Together they are Kaldi's MFCC, to the digit.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.fft import rfft

RATE = 8000
CEPSTRA = 40
LOW_HZ = 20
HIGH_HZ = 3700
_LIFTER = 22.0
_LENGTH, _SHIFT, _FFT = 200, 80, 256  # 25 ms, every 10 ms
_EMPHASIS = 0.97

Floats = NDArray[np.float32]

CONFIGURATION = f"""\
--use-energy=false
--sample-frequency={RATE}
--num-mel-bins={CEPSTRA}
--num-ceps={CEPSTRA}
--low-freq={LOW_HZ}
--high-freq={HIGH_HZ}
--dither=0.0
"""
"""The same, for Kaldi: `conf/mfcc.conf` of the model."""


@cache
def _window() -> Floats:
    """Povey's window: Hann's, to the power of 0.85."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_LENGTH) / (_LENGTH - 1))
    return (hann**0.85).astype(np.float32)


@cache
def _bank() -> Floats:
    """The triangular filters, equally wide in mel (bins of the spectrum x 40)."""

    def mel_of(hertz: NDArray[np.float64] | float) -> NDArray[np.float64]:
        return np.asarray(1127.0 * np.log(1.0 + np.asarray(hertz) / 700.0))

    edges = np.linspace(mel_of(LOW_HZ), mel_of(HIGH_HZ), CEPSTRA + 2)
    at = mel_of(np.arange(_FFT // 2) * RATE / _FFT)[:, None]
    rising = (at - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - at) / (edges[2:] - edges[1:-1])
    filters = np.maximum(0.0, np.minimum(rising, falling))
    return np.vstack([filters, np.zeros((1, CEPSTRA))]).astype(np.float32)


@cache
def _transform() -> Floats:
    """The cosine transform with Kaldi's lifter, as one matrix (bins x cepstra)."""
    at = np.arange(CEPSTRA)
    matrix = np.sqrt(2 / CEPSTRA) * np.cos(np.pi / CEPSTRA * np.outer(at + 0.5, at))
    matrix[:, 0] = np.sqrt(1 / CEPSTRA)
    return (matrix * (1 + 0.5 * _LIFTER * np.sin(np.pi * at / _LIFTER))).astype(np.float32)


def mel(samples: Floats) -> Floats:
    """Return logarithmic mel energies (frames x 40) of samples in -32768..32767 at 8,000 Hz."""
    if len(samples) < _LENGTH:
        return np.zeros((0, CEPSTRA), np.float32)
    frames = sliding_window_view(samples.astype(np.float32), _LENGTH)[::_SHIFT]
    frames = frames - frames.mean(1, keepdims=True)
    before = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    spectrum = rfft((frames - _EMPHASIS * before) * _window(), _FFT)
    energies = (spectrum.real**2 + spectrum.imag**2) @ _bank()
    return np.log(np.maximum(energies, np.finfo(np.float32).eps))


def cepstra(energies: Floats) -> Floats:
    """Return the coefficients of mel energies, same shape."""
    return energies @ _transform()
