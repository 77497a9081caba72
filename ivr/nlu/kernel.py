"""A classifier of sentence vectors, and how close a sentence is to those it was taught.

Ridge regression under a Gaussian kernel, approximated by random Fourier features (Rahimi and
Recht, NIPS 2007), solved in closed form. Sizes were chosen by cross-validation on the training
part of BANKING77 and on the validation part of CLINC150.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ivr.nlu.vocabulary import Floats

FREQUENCIES = 2048
WIDTH = 1.0
"""gamma of exp(-gamma |a - b|^2)."""
RIDGE = 0.1
PROTOTYPES = 16
"""Sentences that stand for an intent."""
_ROUNDS = 8
_NEAREST = 3


@dataclass(frozen=True, slots=True, eq=False)
class KernelModel:
    """`projection`: (dimensions, frequencies); `weights`: (2 frequencies + 1, labels);
    `prototypes`: (any number, dimensions), of unit length.
    """

    projection: Floats
    weights: Floats
    prototypes: Floats

    def scores(self, vectors: Floats) -> Floats:
        """A score for each label: (labels,) of one vector, (vectors, labels) of several."""
        scores: Floats = _features(vectors, self.projection) @ self.weights
        return scores

    def closeness(self, vectors: Floats) -> Floats:
        """0..1: how close to what was taught within the scope; () or (vectors,)."""
        nearest = np.sort(vectors @ self.prototypes.T, axis=-1)[..., -_NEAREST:]
        closeness: Floats = nearest.mean(axis=-1)
        return closeness


def train_kernel(
    vectors: Floats,
    targets: NDArray[np.int64],
    *,
    labels: int,
    outside: int | None,
    seed: int = 0,
) -> KernelModel:
    """The model of `vectors` (sentences, dimensions) and the label of each; `outside` is the
    label of what is out of scope, for which no prototypes stand. The same data gives the same
    model.
    """
    dice = np.random.default_rng(seed)
    normal = dice.standard_normal((vectors.shape[1], FREQUENCIES), dtype=np.float32)
    projection = normal * np.float32(np.sqrt(2 * WIDTH))
    features = _features(vectors, projection)
    wanted = (2 * np.eye(labels, dtype=np.float32) - 1)[targets]
    squares = features.T @ features
    squares[np.diag_indices_from(squares)] += np.float32(RIDGE)
    weights = np.linalg.solve(squares, features.T @ wanted)
    prototypes = [
        _prototypes(vectors[targets == label], dice) for label in range(labels) if label != outside
    ]
    return KernelModel(projection, weights.astype(np.float32), np.concatenate(prototypes))


def _features(vectors: Floats, projection: Floats) -> Floats:
    angles = vectors @ projection
    constant = np.ones((*angles.shape[:-1], 1), dtype=np.float32)
    features: Floats = np.concatenate([np.cos(angles), np.sin(angles), constant], axis=-1)
    return features / np.float32(np.sqrt(projection.shape[1]))


def _prototypes(vectors: Floats, dice: np.random.Generator) -> Floats:
    """Spherical k-means: the middles of `vectors`' clusters."""
    if len(vectors) <= PROTOTYPES:
        return vectors
    middles = vectors[dice.choice(len(vectors), PROTOTYPES, replace=False)]
    for _ in range(_ROUNDS):
        nearest = (vectors @ middles.T).argmax(axis=1)
        for cluster in range(PROTOTYPES):
            members = vectors[nearest == cluster]
            if len(members):
                middle = members.mean(axis=0)
                middles[cluster] = middle / np.linalg.norm(middle)
    return middles
