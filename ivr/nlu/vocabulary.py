"""Which features were seen in training, and what an utterance looks like in them: TF-IDF."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ivr.nlu.features import pair_features, piece_features, word_features

Floats = NDArray[np.float32]
Places = NDArray[np.int64]

_ORDER_FLOOR = 0.3
"""Familiarity left to known words of which no two neighbours were seen together."""


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """The features seen in training, with their places and inverse document frequencies.

    Place 0 stands for all that was never seen.
    """

    places: dict[str, int]
    idf: Floats

    def vector(self, words: Sequence[str]) -> tuple[Places, Floats]:
        """The known features of `words`: where, and how much. Words and pieces of words have
        unit length each.
        """
        parts = [self._part(word_features(words)), self._part(piece_features(words))]
        return (
            np.concatenate([places for places, _ in parts]),
            np.concatenate([values for _, values in parts]),
        )

    def _part(self, features: Iterator[str]) -> tuple[Places, Floats]:
        # place 0 is dropped by filter(None, ...)
        counts = Counter(filter(None, map(self.places.get, features)))
        places = np.fromiter(counts.keys(), dtype=np.int64, count=len(counts))
        values = np.fromiter(counts.values(), dtype=np.float32, count=len(counts))
        values = (1 + np.log(values)) * self.idf[places]
        return places, values / np.float32(math.sqrt(float(values @ values)) or 1.0)

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
        order = _ORDER_FLOOR + (1 - _ORDER_FLOOR) * min(1.0, 2 * seen)
        return known / told * order


def build_vocabulary(sentences: Sequence[Sequence[str]]) -> Vocabulary:
    """Every word feature of `sentences`, and the pieces that occur in two of them."""
    words: Counter[str] = Counter()
    pieces: Counter[str] = Counter()
    for sentence in sentences:
        words.update(set(word_features(sentence)))
        pieces.update(set(piece_features(sentence)))
    counts = words + Counter({piece: count for piece, count in pieces.items() if count > 1})
    places = {feature: place for place, feature in enumerate(sorted(counts), start=1)}
    frequencies = np.array([0, *(counts[feature] for feature in places)])
    idf = np.log((1 + len(sentences)) / (1 + frequencies)) + 1
    return Vocabulary(places, idf.astype(np.float32))
