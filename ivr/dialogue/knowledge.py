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
from ivr.dialogue.sounds import sounds_of

_BY_ONE_WORD = 0.6
"""How well an entry fits of which no more was said than the word that stands for it."""
_LESS_WITHOUT = 0.8
"""What the likeness of an entry is still worth where the word for another was said."""
_SHORT_PHRASE = 2


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
    """Compares words, by their sound, with the phrases of each entry: rare words count more than
    common ones. A word that stands for one entry alone (`_distinguishing`) finds it, whatever
    was said around it, unless another's was said too.
    """

    def __init__(self, entries: Sequence[KnowledgeEntry]) -> None:
        self._phrases: dict[str, list[tuple[str, frozenset[str]]]] = {}
        for entry in entries:
            for language, phrases in entry.phrases.items():
                of_language = self._phrases.setdefault(language, [])
                of_language += ((entry.name, _words(phrase)) for phrase in phrases)
        self._marks = {
            language: _distinguishing(phrases) for language, phrases in self._phrases.items()
        }
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
        marks = self._marks.get(language, {})
        marked = {marks[word] for word in asked & marks.keys()}
        if marked:
            best = {
                name: max(_BY_ONE_WORD, score) if name in marked else _LESS_WITHOUT * score
                for name, score in best.items()
            }
        ranked = sorted(best.items(), key=lambda pair: (-pair[1], pair[0]))
        return tuple(Found(name, score) for name, score in ranked if score > 0)


def _words(text: str) -> frozenset[str]:
    return frozenset(sounds_of(word) or word for word in spoken_form(text).split())


def _distinguishing(phrases: Sequence[tuple[str, frozenset[str]]]) -> dict[str, str]:
    """Word to the one entry that it stands for: it is in several of that entry's phrases, a short
    one among them, and in none of another's. "loan" is, where there is one loan; "my" is not.
    """
    holders: dict[str, Counter[str]] = {}
    short: set[str] = set()
    for name, words in set(phrases):
        for word in words:
            holders.setdefault(word, Counter())[name] += 1
        if len(words) <= _SHORT_PHRASE:
            short |= words
    return {
        word: next(iter(names))
        for word, names in holders.items()
        if word in short and len(names) == 1 and names.total() > 1
    }


def _weights(phrases: Sequence[frozenset[str]]) -> dict[str, float]:
    counts = Counter(word for words in phrases for word in words)
    return {word: math.log((1 + len(phrases)) / count) + 0.1 for word, count in counts.items()}
