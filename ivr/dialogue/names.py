"""Names out of a list, as callers say them and as they are heard: "kisan some man" is the PM Kisan
Samman Nidhi. What could be two names is told as both: the flow asks, it never guesses. Pure.

A word counts by how few of the names have it. A name is there when enough of one of its phrases
was said (`_ENOUGH`), and another may be meant when nearly as much was said of it (`_AS_MUCH`).
The thresholds were chosen on the odd rows of `tests/dialogue/data/names.csv`; the even ones say
how good they are.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

from ivr.dialogue.flow_file import EntityName
from ivr.dialogue.lexicon import spoken_form
from ivr.dialogue.sounds import alike, letter, sounds_of

_ENOUGH = 0.5
_AS_MUCH = 0.85
_ALIKE = 0.75
"""Two words that sound so much alike may be one."""
_SHORT = 3
"""A row of sounds up to this length is that of a name only where it is the same."""
_MOST_WORDS = 60
_PAIR = 2

_Heard = Mapping[str, float]
"""A row of sounds in the names, and how much something said sounds like it."""


class Named(NamedTuple):
    """A name of a list that was said, and how much of it, 0..1."""

    kind: str
    name: str
    score: float


class _Said(NamedTuple):
    """How much was said of a name: all of it, its share of a phrase, and by which sounds."""

    weight: float
    score: float
    sounds: frozenset[str]


def _plainness(said: _Said) -> tuple[bool, float]:
    """Of two phrases for a name, the one of which enough, and then most, was said."""
    enough = said.score >= _ENOUGH
    return enough, said.weight if enough else said.score


class NameList:
    """The names of one kind."""

    def __init__(self, kind: str, names: Sequence[EntityName]) -> None:
        self.kind = kind
        self.intents = {one.name: one.intent for one in names}
        self._languages = {
            language: _OfLanguage(names, language)
            for language in {code for one in names for code in one.phrases}
        }

    def find(self, text: str, language: str) -> tuple[Named, ...]:
        """The name in `text`; several where it could be any of them; none. Never raises."""
        known = self._languages.get(language)
        found = known.find(text) if known is not None else ()
        return tuple(Named(self.kind, name, score) for name, score in found)


class _OfLanguage:
    def __init__(self, names: Iterable[EntityName], language: str) -> None:
        self._phrases = [
            (one.name, frozenset(sounds))
            for one in names
            for phrase in one.phrases.get(language, ())
            for sounds in _ways(sounds_in(phrase))
        ]
        holders: dict[str, set[str]] = {}
        for name, sounds in self._phrases:
            for sound in sounds:
                holders.setdefault(sound, set()).add(name)
        count = len({name for name, _ in self._phrases})
        self._weights = {
            sound: math.log((1 + count) / len(having)) + 0.1 for sound, having in holders.items()
        }

    def find(self, text: str) -> tuple[tuple[str, float], ...]:
        heard = self._heard(text)
        best: dict[str, _Said] = {}
        for name, sounds in self._phrases:
            parts = {sound: self._weights[sound] * heard[sound] for sound in sounds & heard.keys()}
            if parts:
                whole = sum(self._weights[sound] for sound in sounds)
                told = _Said(sum(parts.values()), sum(parts.values()) / whole, frozenset(parts))
                best[name] = max(told, best.get(name, told), key=_plainness)
        first = max(
            (one for one in best.values() if one.score >= _ENOUGH),
            key=lambda one: one.weight,
            default=None,
        )
        if first is None:
            return ()
        near = [
            (name, min(1.0, one.score))
            for name, one in best.items()
            if one.weight >= _AS_MUCH * first.weight
            # What other words say little of is no rival: "i need a" is not "nidhi".
            and (one.score >= _ENOUGH or one.sounds >= first.sounds)
        ]
        return tuple(sorted(near, key=lambda pair: (-pair[1], pair[0])))

    def _heard(self, text: str) -> _Heard:
        """The sounds of the names that were said, each by the word, or the two, most like it."""
        said = sounds_in(text)[:_MOST_WORDS]
        # A recogniser that does not know a name hears it as two words that it does know.
        said += [one + other for one, other in pairwise(said)]
        heard: dict[str, float] = {}
        for sound in self._weights:
            best = max((alike(sound, one) for one in said), default=0.0)
            if best == 1 or (best >= _ALIKE and len(sound) > _SHORT):
                heard[sound] = best
        return heard


def sounds_in(text: str) -> list[str]:
    """The words of `text` as sounds; letters said one by one ("p m", "पी एम") are one word."""
    words = spoken_form(text).split()
    found: list[str] = []
    for spelled, run in groupby(words, key=lambda word: letter(word) != ""):
        said = list(run)
        if spelled and len(said) > 1:
            found.append("".join(map(letter, said)))
        else:
            found += map(sounds_of, said)
    return [sounds for sounds in found if sounds]


def _ways(sounds: Sequence[str]) -> Iterable[Sequence[str]]:
    """A phrase as it is said: two words are often written, and heard, as one."""
    yield sounds
    if len(sounds) == _PAIR:
        yield ["".join(sounds)]


def repeated(names: Sequence[EntityName]) -> list[str]:
    """The names that are there more than once."""
    return [name for name, count in Counter(one.name for one in names).items() if count > 1]
