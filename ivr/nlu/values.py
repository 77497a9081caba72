"""The rules that read values out of what callers say, by language; the same for every engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from ivr.nlu.entities import find_entities
from ivr.nlu.interpreter import Entity

_RULES: Mapping[str, Callable[[str, date], tuple[Entity, ...]]] = {"en": find_entities}


def find_values(text: str, language: str, today: date) -> tuple[Entity, ...]:
    """The digits, amounts, dates, yes and no in `text`; none in a language without rules."""
    rules = _RULES.get(language)
    return rules(text, today) if rules is not None else ()
