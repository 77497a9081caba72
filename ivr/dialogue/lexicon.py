"""Phrases of a language, and how they are found in what was said.

The words themselves are data: `ivr/languages`. They narrow the recogniser and are understood
without any trained model. A language without words works all the same: its recogniser stays open,
its interpreter decides, keys are the way out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from unicodedata import normalize

from ivr.languages.known import language

lexicon = language
"""The words of a language, by its code."""

_PUNCTUATION = frozenset('.,;:!?।"¿¡')


@lru_cache(maxsize=4096)
def spoken_form(text: str) -> str:
    """`text` as phrases are compared: lower case, composed (NFC), no punctuation."""
    composed = normalize("NFC", text.lower())
    kept = "".join(" " if char in _PUNCTUATION else char for char in composed)
    return " ".join(kept.split())


def contains_phrase(text: str, phrase: str) -> bool:
    """Whether `phrase` stands in `text` as whole words; both in spoken form."""
    return f" {phrase} " in f" {text} "


def contains_any(text: str, phrases: tuple[str, ...]) -> bool:
    """Whether one of `phrases` stands in `text`, which is in spoken form."""
    framed = f" {text} "
    return any(f" {form} " in framed for form in _forms(phrases))


def opens_with_any(text: str, phrases: tuple[str, ...]) -> bool:
    """Whether `text`, in spoken form, begins with one of `phrases` and goes on."""
    return any(text.startswith(f"{form} ") for form in _forms(phrases))


def is_any(text: str, phrases: tuple[str, ...]) -> bool:
    """Whether `text`, in spoken form, is one of `phrases`."""
    return text in _forms(phrases)


def without_fillers(text: str, code: str) -> str:
    """`text`, in spoken form, without the politeness before and after it."""
    fillers = _fillers(code)
    if fillers is None:
        return text
    before, after = fillers
    return after.sub("", before.sub("", text))


def global_intent(text: str, code: str) -> str | None:
    """The global intent that `text`, in spoken form, means in the language `code`."""
    phrases = _global_phrases(code)
    return phrases.get(text) or phrases.get(without_fillers(text, code))


@lru_cache(maxsize=1024)
def _forms(phrases: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(spoken_form(phrase) for phrase in phrases))


@lru_cache(maxsize=64)
def _fillers(code: str) -> tuple[re.Pattern[str], re.Pattern[str]] | None:
    forms = sorted(_forms(language(code).fillers), key=len, reverse=True)
    if not forms:
        return None
    one = "|".join(map(re.escape, forms))
    return re.compile(rf"^(?:(?:{one}) )+"), re.compile(rf"(?: (?:{one}))+$")


@lru_cache(maxsize=64)
def _global_phrases(code: str) -> Mapping[str, str]:
    return {
        spoken_form(phrase): name
        for name, phrases in language(code).globals.items()
        for phrase in phrases
    }
