"""One linear classifier per label, each against all others, trained at once.

Support vector machines with squared hinge loss, by dual coordinate descent (Hsieh et al., "A Dual
Coordinate Descent Method for Large-scale Linear SVM", ICML 2008, algorithm 1), which is what
LIBLINEAR does; here a step goes through all labels together, so that numpy's speed suffices.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ivr.nlu.vocabulary import Floats, Places

EPOCHS = 10
COST = 1.0
"""The `C` of support vector machines."""


def train_linear(
    vectors: Sequence[tuple[Places, Floats]],
    targets: NDArray[np.int64],
    *,
    features: int,
    labels: int,
    seed: int = 0,
) -> Floats:
    """Weights (features + 1, labels), the last row the bias, for sparse `vectors` whose labels
    are `targets`. A score is about +1 for a label that fits and -1 for one that does not. The
    same data gives the same weights.
    """
    weights = np.zeros((features + 1, labels), dtype=np.float32)
    duals = np.zeros((len(vectors), labels), dtype=np.float32)
    softness = np.float32(0.5 / COST)
    signs = 2 * np.eye(labels, dtype=np.float32) - 1
    samples = [
        (np.append(places, features), np.append(values, np.float32(1)))
        for places, values in vectors
    ]
    curvatures = [values @ values + softness for _, values in samples]
    dice = np.random.default_rng(seed)
    for _ in range(EPOCHS):
        for sample in dice.permutation(len(samples)):
            places, values = samples[sample]
            sign, dual = signs[targets[sample]], duals[sample]
            rows = weights[places]
            slope = sign * (values @ rows) - 1 + softness * dual
            moved = np.maximum(dual - slope / curvatures[sample], 0)
            step = (moved - dual) * sign
            duals[sample] = moved
            rows += values[:, None] * step
            weights[places] = rows
    return weights
