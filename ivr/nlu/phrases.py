"""The entities that training data lists, and what their phrases mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from ivr.nlu.training_data import TrainingData

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
