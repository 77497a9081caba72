"""What is chosen on sentences that were not trained on: how sure scores are, and what is
out of scope."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ivr.nlu.vocabulary import Floats

Targets = NDArray[np.int64]

LEAST_SENTENCES = 60
"""Fewer teach nothing about the model; it keeps the defaults."""
_OUTSIDE_SHARE = 0.125
"""What we expect of callers: one in eight wants what the line does not do."""
_CANDIDATES = 400
_SHARPNESSES = np.geomspace(1, 20, 40)


@dataclass(frozen=True, slots=True)
class Calibration:
    """`sharpness`: scores are multiplied by it before they become probabilities. `margin`: the
    best intent must be this far above the out-of-scope score.
    """

    sharpness: float = 6.0
    margin: float = 0.0


def calibrate(scores: Floats, targets: Targets, outside: int | None) -> Calibration:
    """The calibration for a model that gives `scores` (sentences, labels) to sentences of
    `targets`; `outside` is the label of what is out of scope.
    """
    if len(scores) < LEAST_SENTENCES:
        return Calibration()
    margin = 0.0
    if outside is not None and (targets == outside).any():
        margin = _margin(scores, targets, outside)
        scores = scores.copy()
        scores[:, outside] += np.float32(margin)
    losses = [_log_loss(scores * np.float32(each), targets) for each in _SHARPNESSES]
    return Calibration(sharpness=float(_SHARPNESSES[int(np.argmin(losses))]), margin=margin)


def softmax(scores: Floats) -> Floats:
    """Probabilities of `scores`, along the last axis."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    probabilities: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return probabilities


def _margin(scores: Floats, targets: Targets, outside: int) -> float:
    """The best trade between what is kept and what is refused.

    Both shares are smoothed (a kernel estimate of the margins' distribution): the validation
    data has too few sentences out of scope to be trusted to the last one.
    """
    inside = scores.copy()
    inside[:, outside] = -np.inf
    margins = inside.max(axis=1) - scores[:, outside]
    right = inside.argmax(axis=1) == targets
    strange = targets == outside
    candidates = np.linspace(margins.min(), margins.max(), _CANDIDATES, dtype=np.float32)
    within = ~strange
    kept = (1 - _below(candidates, margins[within])) @ right[within] / within.sum()
    refused = _below(candidates, margins[strange]).mean(axis=1)
    worth = (1 - _OUTSIDE_SHARE) * kept + _OUTSIDE_SHARE * refused
    return float(candidates[int(worth.argmax())])


def _below(candidates: Floats, margins: Floats) -> Floats:
    """(candidates, margins): how much each margin is below each candidate, 0..1, smoothed with
    the bandwidth of Silverman's rule.
    """
    bandwidth = max(1e-6, 1.06 * float(margins.std()) * len(margins) ** -0.2)
    distance = (candidates[:, None] - margins[None, :]) / bandwidth
    below: Floats = (1 / (1 + np.exp(np.clip(-1.702 * distance, -50, 50)))).astype(np.float32)
    return below


def _log_loss(scores: Floats, targets: Targets) -> float:
    probabilities = softmax(scores)[np.arange(len(scores)), targets]
    return float(-np.log(np.maximum(probabilities, 1e-6)).mean())
