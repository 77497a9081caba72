"""A linear classifier of utterances: multinomial logistic regression on sparse features.

TF-IDF over words and pieces of words (see `features`), each kind of unit length; trained by
AdaGrad (Duchi et al. 2011) with a decay on the weights touched. Plain numpy: a thousand sentences
train in about a second, a sentence takes a tenth of a millisecond.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ivr.nlu.features import pair_features, piece_features, word_features

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

EPOCHS = 12
LEARNING_RATE = 0.8
DECAY = 1e-3
BIAS = np.float32(0.3)
"""A small constant input learns slowly: how frequent an intent is in the training data says
little about calls."""
SHARPNESS = 1.6
"""Scores are multiplied by it before they become probabilities: trained so briefly, they are
too modest. Chosen, like ORDER_FLOOR, on a validation split.
"""
ORDER_FLOOR = 0.3
"""Familiarity left to known words of which no two neighbours were seen together."""
PIECE_WEIGHT = 0.6
"""How much the pieces of words count beside whole words."""


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """The features seen in training, with their places and inverse document frequencies."""

    places: dict[str, int]
    idf: Floats

    def vector(self, words: Sequence[str]) -> tuple[Indices, Floats]:
        """The known features of `words`: where, and how much."""
        parts = []
        for features, weight in (
            (word_features(words), 1.0),
            (piece_features(words), PIECE_WEIGHT),
        ):
            counts = Counter(filter(None, map(self.places.get, features)))
            places = np.fromiter(counts.keys(), dtype=np.int64, count=len(counts))
            values = np.fromiter(counts.values(), dtype=np.float32, count=len(counts))
            values = np.log1p(values) * self.idf[places]
            norm = float(np.sqrt(values @ values)) or 1.0
            parts.append((places, values * np.float32(weight / norm)))
        return (
            np.concatenate([places for places, _ in parts]),
            np.concatenate([values for _, values in parts]),
        )

    def familiarity(self, words: Sequence[str]) -> float:
        """0..1: how much of what `words` say, and how they say it, was seen in training.

        Rare words count more than common ones. Known words in an order never seen (noise that a
        recogniser forced into its vocabulary) are not familiar either.
        """
        if not words:
            return 0.0
        known = told = 0.0
        for word in words:
            place = self.places.get(word, 0)
            told += float(self.idf[place])
            known += float(self.idf[place]) if place else 0.0
        pairs = list(pair_features(words))
        seen = sum(pair in self.places for pair in pairs) / len(pairs)
        order = ORDER_FLOOR + (1 - ORDER_FLOOR) * min(1.0, 2 * seen)
        return known / told * order


def build_vocabulary(sentences: Sequence[Sequence[str]]) -> Vocabulary:
    """Every word feature of `sentences`, and the pieces that occur twice."""
    words: Counter[str] = Counter()
    pieces: Counter[str] = Counter()
    for sentence in sentences:
        words.update(set(word_features(sentence)))
        pieces.update(set(piece_features(sentence)))
    counts = words + Counter({piece: count for piece, count in pieces.items() if count > 1})
    # place 0 stands for all that was never seen, so that filter(None, ...) drops it
    places = {feature: place for place, feature in enumerate(sorted(counts), start=1)}
    frequencies = np.array([0, *(counts[feature] for feature in places)])
    idf = np.log((1 + len(sentences)) / (1 + frequencies)) + 1
    return Vocabulary(places, idf.astype(np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class LinearModel:
    """`weights`: (features + 1, labels); the last row is the bias."""

    labels: tuple[str, ...]
    vocabulary: Vocabulary
    weights: Floats

    def scores(self, words: Sequence[str]) -> Floats:
        """A raw score (logit) for each label."""
        places, values = self.vocabulary.vector(words)
        total: Floats = values @ self.weights[places] + self.weights[-1]
        return total

    def confidences(self, words: Sequence[str]) -> list[tuple[str, float]]:
        """Each label with how sure we are of it, 0..1, the surest first.

        A probability among the labels, lowered by what is unfamiliar in `words`: so the sum is
        below 1 by as much as the utterance may be none of them.
        """
        familiar = self.vocabulary.familiarity(words)
        sure = softmax(SHARPNESS * self.scores(words)) * np.float32(familiar)
        return [(self.labels[best], float(sure[best])) for best in np.argsort(-sure, kind="stable")]


def train(
    sentences: Sequence[Sequence[str]], labels: Sequence[str], *, seed: int = 0
) -> LinearModel:
    """The model of `sentences` (as words) and the label of each. The same data gives the same
    model.
    """
    names = tuple(sorted(set(labels)))
    vocabulary = build_vocabulary(sentences)
    vectors = [vocabulary.vector(sentence) for sentence in sentences]
    targets = np.array([names.index(label) for label in labels])
    weights = np.zeros((len(vocabulary.idf) + 1, len(names)), dtype=np.float32)
    squares = np.full_like(weights, 1e-8)
    bias = len(weights) - 1
    vectors = [
        (np.append(places, bias), np.append(values, BIAS)[:, None]) for places, values in vectors
    ]
    dice = np.random.default_rng(seed)
    for _ in range(EPOCHS):
        for sample in dice.permutation(len(vectors)):
            places, values = vectors[sample]
            rows = weights[places]
            error = softmax((values * rows).sum(axis=0))
            error[targets[sample]] -= 1
            gradient = values * error + DECAY * rows
            squared = squares[places] + gradient * gradient
            squares[places] = squared
            weights[places] = rows - LEARNING_RATE * gradient / np.sqrt(squared)
    weights[-1] *= BIAS
    return LinearModel(names, vocabulary, weights)


def softmax(scores: Floats) -> Floats:
    """Probabilities of `scores`."""
    powers = np.exp(scores - scores.max())
    probabilities: Floats = powers / powers.sum()
    return probabilities


def save_model(model: LinearModel, path: Path) -> None:
    """Write `model` to one .npz file."""
    np.savez(
        path,
        labels=np.array(model.labels),
        features=np.array(list(model.vocabulary.places)),
        idf=model.vocabulary.idf,
        weights=model.weights,
    )


def load_model(path: Path) -> LinearModel:
    """The model that `save_model` wrote. Raises OSError, KeyError, ValueError or BadZipFile."""
    # our own file object: numpy leaves its own open when the file is damaged
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        labels = tuple(str(label) for label in arrays["labels"])
        features = arrays["features"].tolist()
        idf, weights = arrays["idf"], arrays["weights"]
    if len(idf) != len(features) + 1 or weights.shape != (len(idf) + 1, len(labels)):
        raise ValueError(f"{path} is no model")
    places = {feature: place for place, feature in enumerate(features, start=1)}
    return LinearModel(labels, Vocabulary(places, idf), weights)
