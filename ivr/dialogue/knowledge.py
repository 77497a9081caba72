"""What a flow can answer of itself, and how the answer to a question is found.

`KnowledgeSearch` is the port: a flow is loaded with any search that keeps it, to be asked within
a step, so it must answer from memory and at once. `WordOverlap` needs no model.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from ivr.dialogue.flow_file import KnowledgeEntry
from ivr.dialogue.lexicon import spoken_form


class Found(NamedTuple):
    """An entry by name, and how well it fits, 0..1."""

    name: str
    score: float


class KnowledgeSearch(Protocol):
    """Finds what answers a question."""

    def find(self, question: str, language: str) -> tuple[Found, ...]:
        """What may answer `question`, best first. Never raises."""
        ...


MakeSearch = Callable[[Sequence[KnowledgeEntry]], KnowledgeSearch]


class WordOverlap:
    """Compares words with the phrases of each entry: rare words count more than common ones."""

    def __init__(self, entries: Sequence[KnowledgeEntry]) -> None:
        self._phrases: dict[str, list[tuple[str, frozenset[str]]]] = {}
        for entry in entries:
            for language, phrases in entry.phrases.items():
                of_language = self._phrases.setdefault(language, [])
                of_language += ((entry.name, _words(phrase)) for phrase in phrases)
        self._weights = {
            language: _weights([words for _, words in phrases])
            for language, phrases in self._phrases.items()
        }

    def find(self, question: str, language: str) -> tuple[Found, ...]:
        """See `KnowledgeSearch`."""
        asked, weights = _words(question), self._weights.get(language, {})
        unknown = max(weights.values(), default=1.0)
        best: dict[str, float] = {}
        for name, words in self._phrases.get(language, ()):
            shared = sum(weights[word] for word in words & asked)
            whole = sum(weights[word] for word in words)
            rest = sum(weights.get(word, unknown) for word in asked - words)
            # What is said beside the phrase counts less against it than what it lacks.
            score = shared / (whole + 0.15 * rest) if whole else 0.0
            best[name] = max(score, best.get(name, 0.0))
        ranked = sorted(best.items(), key=lambda pair: (-pair[1], pair[0]))
        return tuple(Found(name, score) for name, score in ranked if score > 0)


def _words(text: str) -> frozenset[str]:
    return frozenset(spoken_form(text).split())


def _weights(phrases: Sequence[frozenset[str]]) -> dict[str, float]:
    counts = Counter(word for words in phrases for word in words)
    return {word: math.log((1 + len(phrases)) / count) + 0.1 for word, count in counts.items()}
