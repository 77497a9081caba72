"""How sentences end: how likely a caller who has said these words has said all.

Learnt by counting in what callers of the application say: of all places where the last words
stand, in how many the sentence ends there. "what is my balance" mostly ends, "transfer fifty
rupees" mostly goes on, "from my" always does.

And of all sentences that begin with the very words, how many have no more: "what insurance is
there" is one, whatever mostly follows "is there".

Values are counted by what they are: that "to" a person mostly ends is told by all the people that
were marked in the training data, and is true of others.

Of words that an application's callers were never heard with, its language knows some after which
nobody stops ("twenty", "um"); what was counted overrules it: "thank you" does end.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

from ivr.languages.known import language
from ivr.nlu.annotation import Example
from ivr.nlu.training_data import BadTrainingData, TrainingData, load_training_data

_AFTER = chr(0x10FFFF)
_LONGEST = 3
"""Words looked back."""
_ENOUGH = 4
"""Places that make a figure."""
_UNKNOWN = 0.5
_MARKED = 0.15
"""Share of its places in which a word is marked as a value, from which it is taken for one: much
training data has no marks."""
_PRESUMED = 10
"""Places where a sentence went on, that a word counts for which its language knows to want more."""
_ENDS = 0.2
"""Likelihood from which even such a word ends sentences."""


class Endings:
    """What is known of one language's sentences. `kinds`: what single words are values of; those
    side by side count as one. `unfinished`: words that want another, as far as is known of the
    language."""

    def __init__(
        self,
        sentences: Iterable[str],
        *,
        kinds: Mapping[str, str] | None = None,
        unfinished: Iterable[str] = (),
    ) -> None:
        self._kinds = kinds or {}
        self._unfinished = frozenset(unfinished)
        self._seen: Counter[tuple[str, ...]] = Counter()
        self._ended: Counter[tuple[str, ...]] = Counter()
        self._whole: list[str] = []
        for sentence in sentences:
            units = self._units(_words(sentence))
            self._whole.append(_line(units))
            for end in range(1, len(units) + 1):
                for length in range(1, min(_LONGEST, end) + 1):
                    last = tuple(units[end - length : end])
                    self._seen[last] += 1
                    self._ended[last] += end == len(units)
        self._whole.sort()

    @classmethod
    def of(cls, data: TrainingData, unfinished: Iterable[str] = ()) -> Endings:
        """Learn from training data."""
        examples = tuple(chain.from_iterable(data.intents.values()))
        texts = (example.text for example in examples)
        return cls(texts, kinds=_kinds_of_words(examples), unfinished=unfinished)

    def likelihood(self, text: str) -> float:
        """How likely the sentence ends with `text`, 0..1: by its longest known last words, a half
        where nothing is known; by the whole of it, where that says more."""
        words = _words(text)
        ended, seen = self._counted(words)
        return max(ended / seen if seen else _UNKNOWN, self._is_whole(words))

    def wants_more(self, text: str) -> bool:
        """Whether the last word of `text` wants another, as its language knows and callers did
        not show otherwise."""
        words = _words(text)
        if not words or words[-1] not in self._unfinished:
            return False
        ended, seen = self._counted(words)
        return max(ended / (seen + _PRESUMED), self._is_whole(words)) < _ENDS

    def _counted(self, words: Sequence[str]) -> tuple[int, int]:
        """How often a sentence ended with the longest last words that are known, and how often
        they were seen; noughts where they are not."""
        units = self._units(words)
        for length in range(min(_LONGEST, len(units)), 0, -1):
            last = tuple(units[-length:])
            seen = self._seen[last]
            if seen >= _ENOUGH:
                return self._ended[last], seen
        return 0, 0

    def _is_whole(self, words: Sequence[str]) -> float:
        """Of the sentences that begin with all of `words`, and one more that goes on, which share
        has no other."""
        line = _line(self._units(words))
        first = bisect_left(self._whole, line)
        alone = bisect_right(self._whole, line) - first
        begin_so = bisect_left(self._whole, line + _AFTER) - first
        return alone / (begin_so + 1)

    def _units(self, words: Sequence[str]) -> list[str]:
        """Words, with values as what they are: `[person]` is no word."""
        units: list[str] = []
        for word in words:
            kind = self._kinds.get(word)
            if kind is not None and units and units[-1].startswith("["):
                units.pop()
            units.append(word if kind is None else f"[{kind}]")
        return units


def learn_endings(nlu_dir: Path, languages: Iterable[str]) -> Mapping[str, Endings]:
    """Learn from the training data of each language; of one without any, what is known of the
    language is all. Blocks for a moment."""
    learnt = {}
    for code in languages:
        unfinished = language(code).unfinished
        try:
            learnt[code] = Endings.of(load_training_data(nlu_dir / code), unfinished)
        except BadTrainingData:
            learnt[code] = Endings((), unfinished=unfinished)
    return learnt


def _kinds_of_words(examples: Iterable[Example]) -> Mapping[str, str]:
    """What words are values of that are marked often enough where they stand."""
    stand: Counter[str] = Counter()
    marked: dict[str, Counter[str]] = defaultdict(Counter)
    for example in examples:
        stand.update(_words(example.text))
        for mark in example.annotations:
            for word in _words(example.text[mark.start : mark.end]):
                marked[word][mark.kind] += 1
    kinds = {}
    for word, of in marked.items():
        kind, times = of.most_common(1)[0]
        if times >= _MARKED * stand[word]:
            kinds[word] = kind
    return kinds


def _line(units: Sequence[str]) -> str:
    """With a blank at its end, so that what begins with it begins with all of its last word."""
    return " ".join(units) + " "


def _words(text: str) -> Sequence[str]:
    return "".join(each if each.isalnum() or each in "' " else " " for each in text.lower()).split()
