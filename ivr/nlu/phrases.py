"""The entities that training data lists, and what their phrases mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypedDict

from ivr.nlu.interpreter import Entity
from ivr.nlu.training_data import TrainingData
from ivr.nlu.words import split_words

COMPUTED_KINDS = frozenset({"digits", "amount", "date", "yes_no"})
"""Entities that rules read out of any words: examples of them are not listed."""


class Phrase(TypedDict):
    """A pattern of spaCy's entity ruler: `pattern`, in lower case, is a `label` meaning `id`."""

    label: str
    pattern: str
    id: str


def listed_phrases(data: TrainingData) -> Sequence[Phrase]:
    """The phrases of lookups and of annotated examples, with what they mean.

    An annotation's own value comes first, then a synonym, then the phrase as it is listed.
    """
    meanings = {
        phrase.lower(): value for value, phrases in data.synonyms.items() for phrase in phrases
    }
    listed: dict[tuple[str, str], str] = {}
    for kind, phrases in data.lookups.items():
        for phrase in phrases:
            listed.setdefault((kind, phrase.lower()), meanings.get(phrase.lower(), phrase))
    for examples in data.intents.values():
        for example in examples:
            for mark in example.annotations:
                if mark.kind in COMPUTED_KINDS:
                    continue
                text = example.text[mark.start : mark.end]
                value = mark.value or meanings.get(text.lower(), text)
                listed.setdefault((mark.kind, text.lower()), value)
    return [Phrase(label=kind, pattern=text, id=value) for (kind, text), value in listed.items()]


class PhraseList:
    """Finds listed phrases in what was said, the longest where several begin at a word.

    For engines without a ruler of their own.
    """

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        self._phrases: dict[tuple[str, ...], Phrase] = {}
        for phrase in phrases:
            words = tuple(word.text for word in split_words(phrase["pattern"]))
            self._phrases.setdefault(words, phrase)
        self._longest = max(map(len, self._phrases), default=0)

    def find(self, text: str) -> list[Entity]:
        """The entities in `text`, in order, none overlapping."""
        words = split_words(text)
        found: list[Entity] = []
        at = 0
        while at < len(words):
            for length in range(min(self._longest, len(words) - at), 0, -1):
                phrase = self._phrases.get(tuple(word.text for word in words[at : at + length]))
                if phrase is not None:
                    start, end = words[at].start, words[at + length - 1].end
                    found.append(
                        Entity(
                            kind=phrase["label"],
                            value=phrase["id"],
                            text=text[start:end],
                            start=start,
                            end=end,
                        )
                    )
                    at += length - 1
                    break
            at += 1
        return found
