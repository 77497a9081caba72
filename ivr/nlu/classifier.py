"""What an utterance is about: words and pieces of words and, where an encoder is there, its
meaning as a vector.

Rejection is by the best intent's score minus that of `out_of_scope`, which is why the margin that
calibration found is added to the latter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ivr.nlu.calibration import Calibration, calibrate, softmax
from ivr.nlu.kernel import KernelModel, train_kernel
from ivr.nlu.linear import train_linear
from ivr.nlu.vocabulary import Floats, Vocabulary, build_vocabulary

OUT_OF_SCOPE = "out_of_scope"
"""The intent of sentences that the application does not serve."""

_MEANING_WEIGHT = np.float32(2)
"""How much the scores of sentence vectors count beside those of words."""
_STRANGENESS_WEIGHT = np.float32(6)
"""How much distance from all that was taught counts for the out-of-scope score."""
_WORDS_FAMILIAR = 1.25
"""Power of the familiarity of words, which lowers the confidence in what is made of them."""
_VECTORS_FAMILIAR = 0.5
"""The same where their meaning is known too."""
_SPLIT = 5
"""One sentence in five of each intent is set aside to calibrate on."""


@dataclass(frozen=True, slots=True)
class Sentences:
    """`words` and label of each sentence; `vectors`: (sentences, dimensions) or None."""

    words: Sequence[Sequence[str]]
    labels: Sequence[str]
    vectors: Floats | None = None

    def part(self, indices: Iterable[int]) -> Sentences:
        """Those at `indices`."""
        chosen = list(indices)
        return Sentences(
            [self.words[index] for index in chosen],
            [self.labels[index] for index in chosen],
            None if self.vectors is None else self.vectors[chosen],
        )


@dataclass(frozen=True, slots=True, eq=False)
class IntentModel:
    """`weights`: (features + 1, labels); the last row is the bias."""

    labels: tuple[str, ...]
    vocabulary: Vocabulary
    weights: Floats
    kernel: KernelModel | None
    calibration: Calibration

    def scores(self, words: Sequence[str], vector: Floats | None) -> Floats:
        """A raw score for each label, before calibration."""
        places, values = self.vocabulary.vector(words)
        total: Floats = values @ self.weights[places] + self.weights[-1]
        if self.kernel is not None and vector is not None:
            total = total + _MEANING_WEIGHT * self.kernel.scores(vector)
            if OUT_OF_SCOPE in self.labels:
                strange = 1 - self.kernel.closeness(vector)
                total[self.labels.index(OUT_OF_SCOPE)] += _STRANGENESS_WEIGHT * strange
        return total

    def confidences(
        self, words: Sequence[str], vector: Floats | None = None
    ) -> list[tuple[str, float]]:
        """Each label with how sure we are of it, 0..1, the surest first.

        A probability among the labels, lowered by what is unfamiliar in `words`: so the sum is
        below 1 by as much as the utterance may be none of them.
        """
        scores = self.scores(words, vector)
        if OUT_OF_SCOPE in self.labels:
            scores[self.labels.index(OUT_OF_SCOPE)] += np.float32(self.calibration.margin)
        by_words = self.kernel is None or vector is None
        power = _WORDS_FAMILIAR if by_words else _VECTORS_FAMILIAR
        familiar = self.vocabulary.familiarity(words) ** power
        sure = softmax(np.float32(self.calibration.sharpness) * scores) * np.float32(familiar)
        return [(self.labels[best], float(sure[best])) for best in np.argsort(-sure, kind="stable")]


def train(sentences: Sentences, *, validation: Sentences | None = None) -> IntentModel:
    """The model of `sentences`. The same data gives the same model.

    It is calibrated on `validation` or, where there is none, on a part of `sentences` that a
    first model is not trained on.
    """
    if validation is not None:
        model = _fit(sentences)
        return replace(model, calibration=_calibration(model, validation))
    aside = _set_aside(sentences.labels)
    first = _fit(sentences.part(np.flatnonzero(~aside)))
    found = _calibration(first, sentences.part(np.flatnonzero(aside)))
    return replace(_fit(sentences), calibration=found)


def _fit(sentences: Sentences) -> IntentModel:
    names = tuple(sorted(set(sentences.labels)))
    numbers = {name: number for number, name in enumerate(names)}
    targets = np.array([numbers[label] for label in sentences.labels], dtype=np.int64)
    vocabulary = build_vocabulary(sentences.words)
    weights = train_linear(
        [vocabulary.vector(words) for words in sentences.words],
        targets,
        features=len(vocabulary.idf),
        labels=len(names),
    )
    kernel = None
    if sentences.vectors is not None:
        outside = numbers.get(OUT_OF_SCOPE)
        kernel = train_kernel(sentences.vectors, targets, labels=len(names), outside=outside)
    return IntentModel(names, vocabulary, weights, kernel, Calibration())


def _calibration(model: IntentModel, sentences: Sentences) -> Calibration:
    known = [at for at, label in enumerate(sentences.labels) if label in model.labels]
    if not known:
        return Calibration()
    vectors = sentences.vectors
    scores = np.stack(
        [
            model.scores(sentences.words[at], None if vectors is None else vectors[at])
            for at in known
        ]
    )
    targets = np.array([model.labels.index(sentences.labels[at]) for at in known], dtype=np.int64)
    outside = model.labels.index(OUT_OF_SCOPE) if OUT_OF_SCOPE in model.labels else None
    return calibrate(scores, targets, outside)


def _set_aside(labels: Sequence[str]) -> NDArray[np.bool_]:
    """Which sentences to calibrate on: the same share of every intent, never all of one."""
    order = np.random.default_rng(1).permutation(len(labels))
    seen: dict[str, int] = {}
    aside = np.zeros(len(labels), dtype=bool)
    for index in order:
        count = seen[labels[index]] = seen.get(labels[index], 0) + 1
        aside[index] = count % _SPLIT == 0
    return aside


def save_model(model: IntentModel, path: Path) -> None:
    """Write `model` to one .npz file."""
    arrays = {
        "labels": np.array(model.labels),
        "features": np.array(list(model.vocabulary.places)),
        "idf": model.vocabulary.idf,
        "weights": model.weights,
        "calibration": np.array([model.calibration.sharpness, model.calibration.margin]),
    }
    if model.kernel is not None:
        arrays |= {
            "projection": model.kernel.projection,
            "kernel_weights": model.kernel.weights,
            "prototypes": model.kernel.prototypes,
        }
    np.savez(path, **arrays)  # type: ignore[arg-type] # numpy's own flag shares the namespace


def load_model(path: Path) -> IntentModel:
    """The model that `save_model` wrote. Raises OSError, KeyError, ValueError or BadZipFile."""
    # our own file object: numpy leaves its own open when the file is damaged
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        labels = tuple(str(label) for label in arrays["labels"])
        features = arrays["features"].tolist()
        idf, weights = arrays["idf"], arrays["weights"]
        sharpness, margin = arrays["calibration"].tolist()
        kernel = None
        if "projection" in arrays:
            kernel = KernelModel(
                arrays["projection"], arrays["kernel_weights"], arrays["prototypes"]
            )
    if len(idf) != len(features) + 1 or weights.shape != (len(idf) + 1, len(labels)):
        raise ValueError(f"{path} is no model")
    places = {feature: place for place, feature in enumerate(features, start=1)}
    return IntentModel(
        labels, Vocabulary(places, idf), weights, kernel, Calibration(sharpness, margin)
    )
