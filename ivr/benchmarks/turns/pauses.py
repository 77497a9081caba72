"""How long people are silent within a turn.

Silent pauses are log-normal and of three kinds: brief (below 200 ms), medium (200 to 1,000 ms),
and long (above), the last in spontaneous speech only (Campione and Veronis 2002, "A large-scale
multilingual study of silent pause duration", Speech Prosody, 199-202). A typical one takes a
quarter to half a second (Lundholm Fors 2015, "Production and perception of pauses in speech",
Gothenburg). The kinds and the shape are theirs; the shares and medians below are ours, within
what they report.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class PauseKind:
    """Log-normal with `median_ms` and `sigma` (of the natural logarithm), cut to the bounds."""

    share: float
    median_ms: float
    sigma: float
    least_ms: float
    most_ms: float


PAUSES = (
    PauseKind(share=0.25, median_ms=130, sigma=0.35, least_ms=60, most_ms=200),
    PauseKind(share=0.65, median_ms=430, sigma=0.45, least_ms=200, most_ms=1000),
    PauseKind(share=0.10, median_ms=1250, sigma=0.25, least_ms=1000, most_ms=2000),
)


def draw_pause_ms(rng: np.random.Generator) -> int:
    """Draw one pause, in whole ms."""
    kind = PAUSES[int(rng.choice(len(PAUSES), p=[each.share for each in PAUSES]))]
    while True:
        drawn = float(rng.lognormal(np.log(kind.median_ms), kind.sigma))
        if kind.least_ms <= drawn < kind.most_ms:
            return round(drawn)
