"""How sentences end: how likely a caller who has said these words has said all.

Learnt by counting in what callers of the application say: of all places where the last words
stand, in how many the sentence ends there. "what is my balance" mostly ends, "transfer fifty
rupees" mostly goes on, "from my" always does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from ivr.nlu.training_data import BadTrainingData, TrainingData, load_training_data

_LONGEST = 3
"""Words looked back."""
_ENOUGH = 4
"""Places that make a figure."""
_UNKNOWN = 0.5


class Endings:
    """What is known of one language's sentences."""

    def __init__(self, sentences: Iterable[str]) -> None:
        self._seen: Counter[tuple[str, ...]] = Counter()
        self._ended: Counter[tuple[str, ...]] = Counter()
        for sentence in sentences:
            words = _words(sentence)
            for end in range(1, len(words) + 1):
                for length in range(1, min(_LONGEST, end) + 1):
                    last = tuple(words[end - length : end])
                    self._seen[last] += 1
                    self._ended[last] += end == len(words)

    @classmethod
    def of(cls, data: TrainingData) -> Endings:
        """Learn from training data."""
        return cls(example.text for examples in data.intents.values() for example in examples)

    def likelihood(self, text: str) -> float:
        """How likely the sentence ends with `text`, 0..1; by its longest known last words, and a
        half where nothing is known."""
        words = _words(text)
        for length in range(min(_LONGEST, len(words)), 0, -1):
            last = tuple(words[-length:])
            seen = self._seen[last]
            if seen >= _ENOUGH:
                return self._ended[last] / seen
        return _UNKNOWN


def learn_endings(nlu_dir: Path, languages: Iterable[str]) -> Mapping[str, Endings]:
    """Learn from the training data of each language that has any. Blocks for a moment."""
    learnt = {}
    for language in languages:
        with suppress(BadTrainingData):
            learnt[language] = Endings.of(load_training_data(nlu_dir / language))
    return learnt


def _words(text: str) -> Sequence[str]:
    return "".join(each if each.isalnum() or each in "' " else " " for each in text.lower()).split()
