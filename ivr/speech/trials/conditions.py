"""What a line does to a voice: the conditions in which recognition is tried. Pure; the same each
time, for the same recording.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ivr.audio.format import TELEPHONE, Samples
from ivr.audio.g711 import MU_LAW

LOSS = 0.02
"""The share of frames of 20 ms that never arrive; silence is heard instead."""

_Condition = Callable[[Samples, np.random.Generator], Samples]


def under(condition: str, samples: Samples, seed: int) -> Samples:
    """Return 8,000 Hz `samples` as they come out of the line that `condition` names."""
    return CONDITIONS[condition](samples, np.random.default_rng(seed))


def _clean(samples: Samples, _chance: np.random.Generator) -> Samples:
    return samples


def _g711(samples: Samples, _chance: np.random.Generator) -> Samples:
    return np.frombuffer(MU_LAW.decode(MU_LAW.encode(samples.tobytes())), "<i2")


def _noisy(decibels: float) -> _Condition:
    def condition(samples: Samples, chance: np.random.Generator) -> Samples:
        power = float((samples.astype(np.float64) ** 2).mean())
        noise = chance.normal(0.0, 1.0, len(samples)) * np.sqrt(power / 10 ** (decibels / 10))
        mixed = np.clip(np.round(samples + noise), -32768, 32767).astype(np.int16)
        return _g711(mixed, chance)

    return condition


def _lossy(samples: Samples, chance: np.random.Generator) -> Samples:
    heard = _g711(samples, chance).copy()
    frame = TELEPHONE.frame_samples
    for at in range(0, len(heard), frame):
        if chance.random() < LOSS:
            heard[at : at + frame] = 0
    return heard


CONDITIONS: dict[str, _Condition] = {
    "clean": _clean,
    "g711": _g711,
    "noise 20 dB": _noisy(20.0),
    "noise 10 dB": _noisy(10.0),
    "loss 2 %": _lossy,
}
"""Each condition by its name. Noise is white, so many decibels below the mean power of the
recording; noise and loss come on top of G.711 (mu-law), as on a line."""
