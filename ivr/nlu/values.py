"""The rules that read values out of what callers say, by language; the same for every engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from ivr.languages.known import language as known_language
from ivr.nlu.entities import find_entities
from ivr.nlu.interpreter import Entity
from ivr.nlu.language_values import find_language_values

_RULES: Mapping[str, Callable[[str, date], tuple[Entity, ...]]] = {"en": find_entities}


def find_values(text: str, language: str, today: date) -> tuple[Entity, ...]:
    """The digits, amounts, dates, yes and no in `text`: by rules of the language's own, else by
    the words that are known of it.
    """
    rules = _RULES.get(language)
    if rules is not None:
        return rules(text, today)
    return find_language_values(text, known_language(language), today)
