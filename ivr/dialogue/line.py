"""What is wrong with a caller's line, by what was measured on it. Pure.

The limits are ours, and generous: beyond them a recogniser of telephone speech fails often enough
that the caller should hear why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ivr.dialogue.inputs import LineQuality

FAINT_DBFS = -36.0
LEAST_SNR_DB = 10.0
MOST_CLIPPED = 0.01
MOST_LOST = 0.05


def line_fault(quality: LineQuality) -> str:
    """The service prompt that says what is wrong with the line, the worst first; empty where
    nothing is.
    """
    level, noise = quality.level_dbfs, quality.noise_dbfs
    if quality.lost is not None and quality.lost > MOST_LOST:
        return "line_broken"
    if quality.clipped is not None and quality.clipped > MOST_CLIPPED:
        return "line_loud"
    if level is not None and level < FAINT_DBFS:
        return "line_faint"
    if level is not None and noise is not None and level - noise < LEAST_SNR_DB:
        return "line_noisy"
    return ""
