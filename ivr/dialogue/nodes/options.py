"""Things to choose from, by phrase and by key at once: of menus and of slots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from ivr.dialogue.actions import DigitEntry
from ivr.dialogue.lexicon import contains_phrase, spoken_form

if TYPE_CHECKING:
    from ivr.dialogue.positions import Path


class Option(BaseModel):
    """One of the things to choose from: `key` is what is pressed for it, `phrases` what is said,
    by language; `set` fills further slots when it is chosen.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    key: str = Field(pattern=r"^[0-9*]{1,4}$")
    phrases: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    set: Mapping[str, str] = Field(default_factory=dict)


def phrases_of(options: Sequence[Option], language: str) -> tuple[str, ...]:
    """Every phrase that chooses one."""
    return tuple(phrase for option in options for phrase in option.phrases.get(language, ()))


def key_entry(options: Sequence[Option]) -> DigitEntry:
    """How long an entry of keys gets."""
    return DigitEntry(least=1, most=max((len(option.key) for option in options), default=1))


def by_key(options: Sequence[Option], keys: str) -> str | None:
    """The name of the option that `keys` choose."""
    return next((option.name for option in options if option.key == keys), None)


def by_exact_phrase(options: Sequence[Option], language: str, text: str) -> str | None:
    """The name of the option that is all that was said."""
    said = spoken_form(text)
    for option in options:
        if any(spoken_form(phrase) == said for phrase in option.phrases.get(language, ())):
            return option.name
    return None


def by_contained_phrase(options: Sequence[Option], language: str, text: str) -> str | None:
    """The name of the option of which a phrase stands in what was said; None also where phrases
    of two options do, unless one is a part of the other ("card" of "credit card").
    """
    said = spoken_form(text)
    found = [
        (option.name, form)
        for option in options
        for phrase in option.phrases.get(language, ())
        if contains_phrase(said, form := spoken_form(phrase))
    ]
    whole = {
        name
        for name, form in found
        if not any(form != wider and contains_phrase(wider, form) for _, wider in found)
    }
    return whole.pop() if len(whole) == 1 else None


def set_by_all(options: Sequence[Option], outcome: str) -> frozenset[str]:
    """The slots that the option `outcome` sets; where none is named so, those that all of them
    do.
    """
    named = [option for option in options if option.name == outcome] or list(options)
    return frozenset.intersection(*(frozenset(one.set) for one in named)) if named else frozenset()


def option_mistakes(
    options: Sequence[Option], languages: Sequence[str]
) -> Iterator[tuple[Path, str, str]]:
    """What is wrong with a list of options: (path from the list, what, suggestion)."""
    keys: dict[str, str] = {}
    names: set[str] = set()
    for place, option in enumerate(options):
        if option.key in keys:
            yield (
                (place, "key"),
                f'Key {option.key} is taken by option "{keys[option.key]}" already.',
                "Give each option a key of its own.",
            )
        if option.name in names:
            yield ((place, "name"), f'Option "{option.name}" is there twice.', "Rename one.")
        keys[option.key] = option.name
        names.add(option.name)
        for language in option.phrases:
            if language not in languages:
                yield (
                    (place, "phrases", language),
                    f'The flow does not speak "{language}".',
                    f"Its languages are: {', '.join(languages)}.",
                )
