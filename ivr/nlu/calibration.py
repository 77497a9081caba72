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
_OUTSIDE_SHARE = 0.1
"""What we expect of callers: one in ten wants what the line does not do."""
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
    inside = scores.copy()
    inside[:, outside] = -np.inf
    margins = inside.max(axis=1) - scores[:, outside]
    right = inside.argmax(axis=1) == targets
    strange = targets == outside
    edges = np.unique(margins)
    candidates = (edges[1:] + edges[:-1]) / 2 if len(edges) > 1 else edges
    kept = np.array([(right & (margins > each))[~strange].mean() for each in candidates])
    refused = np.array([(margins[strange] <= each).mean() for each in candidates])
    worth = (1 - _OUTSIDE_SHARE) * kept + _OUTSIDE_SHARE * refused
    return float(candidates[int(worth.argmax())])


def _log_loss(scores: Floats, targets: Targets) -> float:
    probabilities = softmax(scores)[np.arange(len(scores)), targets]
    return float(-np.log(np.maximum(probabilities, 1e-6)).mean())
