"""How a caller feels, by the words of a turn: cheap, and without a model.

The words are data (`feelings` in `ivr/languages`): what pleased people say, what annoyed ones do,
and insults. A word counts for more behind a stronger one ("very"), and for its opposite, less
strongly, within three words of a negation; the sum is pressed into -1..1 (as VADER does, Hutto
and Gilbert, 2014). What a caller is in trouble with is no feeling: a lost card is just lost.

`docs/nlu.md` says how often it is right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from unicodedata import normalize

from ivr.languages.known import language
from ivr.languages.language import Feelings

_NEAR = 3
"""Words within which a negation reaches."""
_STRONGER = 1.5
_DENIED = -0.6
_ABUSIVE = -1.6
_SPREAD = 3.0
"""So large that one plain word is half of what there can be."""
_MARKED = 0.3

_WORD = re.compile(r"[\u0900-\u0963\u0966-\u097f]+|[^\W_]+(?:['\u2019][^\W_]+)*")
"""Devanagari first: its vowel signs are no letters to `re`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentiment:
    """`score` is -1 (angry) to 1 (delighted), 0 where nothing tells; `abusive` says that we were
    insulted.
    """

    score: float = 0.0
    abusive: bool = False

    @property
    def label(self) -> str:
        """One word for it: negative, neutral or positive."""
        if self.score <= -_MARKED:
            return "negative"
        return "positive" if self.score >= _MARKED else "neutral"


def sentiment_of(text: str, code: str) -> Sentiment:
    """Return how the speaker of `text` feels, in the language `code`."""
    table = _table(code)
    words = _words(text)
    if not words or not table.weights:
        return Sentiment()
    total, abusive = 0.0, False
    for at, length, weight in _found(words, table):
        abusive |= weight == _ABUSIVE
        before = words[max(0, at - _NEAR) : at]
        after = words[at + length : at + length + table.after]
        stronger = _STRONGER if before and before[-1] in table.stronger else 1.0
        denied = not table.negations.isdisjoint([*before, *after])
        total += weight * stronger * (_DENIED if denied else 1.0)
    return Sentiment(score=total / (total * total + _SPREAD) ** 0.5, abusive=abusive)


@dataclass(frozen=True, slots=True)
class _Table:
    """A language's feelings: phrases, as tuples of words, to what each counts."""

    weights: dict[tuple[str, ...], float]
    longest: int
    negations: frozenset[str]
    stronger: frozenset[str]
    after: int


def _found(words: list[str], table: _Table) -> Iterator[tuple[int, int, float]]:
    """Yield place, length and weight of the phrases in `words`, the longest at each place."""
    at = 0
    while at < len(words):
        for length in range(min(table.longest, len(words) - at), 0, -1):
            weight = table.weights.get(tuple(words[at : at + length]))
            if weight is not None:
                yield at, length, weight
                at += length
                break
        else:
            at += 1


@lru_cache(maxsize=64)
def _table(code: str) -> _Table:
    feelings: Feelings = language(code).feelings
    weights: dict[tuple[str, ...], float] = {}
    for phrases, weight in (
        (feelings.pleased, 1.0),
        (feelings.annoyed, -1.0),
        (feelings.abusive, _ABUSIVE),
    ):
        weights |= {tuple(_words(phrase)): weight for phrase in phrases}
    return _Table(
        weights,
        max(map(len, weights), default=0),
        frozenset(feelings.negations),
        frozenset(feelings.stronger),
        feelings.negation_after,
    )


def _words(text: str) -> list[str]:
    return _WORD.findall(normalize("NFC", text.lower()).replace("\u2019", "'"))
