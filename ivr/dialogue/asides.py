"""Questions of our own, laid over the question of a node, which waits beneath:

which      two intents are about as likely: which one?
language   the caller wants another language: which one?
return     the caller rang shortly before: go on where they were?
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from ivr.dialogue.actions import DigitEntry
from ivr.dialogue.lexicon import (
    contains_phrase,
    is_any,
    lexicon,
    opens_with_any,
    spoken_form,
    without_fillers,
)
from ivr.dialogue.nodes.expecting import ONE_KEY, expect
from ivr.dialogue.nodes.kind import Question

if TYPE_CHECKING:
    from ivr.dialogue.inputs import Said
    from ivr.dialogue.turn import Turn


class AsideKind(ABC):
    """One kind of aside."""

    @abstractmethod
    def question(self, turn: Turn) -> Question:
        """What it asks."""

    @abstractmethod
    def understood(self, turn: Turn, said: Said) -> str | None:
        """The answer in a sentence, None where it is none."""

    @abstractmethod
    def keyed(self, turn: Turn, digits: str) -> str | None:
        """The answer of a key, None where it is none."""


def language_question(turn: Turn, prompt: str = "choose_language") -> Question:
    """Each language of the flow in its own words, by name and by key."""
    codes = turn.flow.languages
    here = turn.state.language
    names = [name for code in codes for name in lexicon(code).called(here)]
    return Question(
        prompt=prompt,
        reprompt=prompt,
        each_language=tuple((code, str(key)) for key, code in enumerate(codes, start=1)),
        keys=prompt,
        keys_suffice=True,
        expect=expect(
            turn,
            phrases=dict.fromkeys(names),
            keys=DigitEntry(least=1, most=1),
            languages=codes,
        ),
    )


def language_by_key(turn: Turn, digits: str) -> str | None:
    """The language that a key chooses."""
    codes = turn.flow.languages
    if len(digits) != 1 or digits not in "123456789":
        return None
    place = int(digits) - 1
    return codes[place] if place < len(codes) else None


def language_named(turn: Turn, text: str) -> str | None:
    """The language whose name is all that was said, but for politeness."""
    here = turn.state.language
    names = _names(turn.flow.languages, here)
    said = spoken_form(text)
    return names.get(said) or names.get(without_fillers(said, here))


@lru_cache(maxsize=64)
def _names(codes: tuple[str, ...], here: str) -> Mapping[str, str]:
    """What speakers of `here` call each language, to its code."""
    return {spoken_form(name): code for code in codes for name in lexicon(code).called(here)}


def language_mentioned(turn: Turn, text: str) -> str | None:
    """The one language whose name stands anywhere in what was said."""
    here = turn.state.language
    said = spoken_form(text)
    found = {
        code
        for code in turn.flow.languages
        if any(contains_phrase(said, spoken_form(name)) for name in lexicon(code).called(here))
    }
    return found.pop() if len(found) == 1 else None


def language_spoken(turn: Turn, said: Said) -> str | None:
    """The language that the caller plainly spoke when asked for one, and did not name it."""
    return said.language if said.language in turn.flow.languages else None


def can_ask_which(turn: Turn) -> bool:
    """Whether there are two intents to choose between, and names for them."""
    between, names = turn.state.between, turn.flow.intent_names
    return len(between) == 2 and all(intent in names for intent in between)


class _Language(AsideKind):
    def question(self, turn: Turn) -> Question:
        return language_question(turn)

    def understood(self, turn: Turn, said: Said) -> str | None:
        return language_mentioned(turn, said.interpretation.text) or language_spoken(turn, said)

    def keyed(self, turn: Turn, digits: str) -> str | None:
        return language_by_key(turn, digits)


class _Which(AsideKind):
    def question(self, turn: Turn) -> Question:
        names = self._names(turn)
        values = tuple(zip(("first", "second"), names, strict=True))
        return Question(
            prompt="which_one",
            reprompt="which_one",
            values=values,
            keys="keys_which_one",
            keys_values=values,
            keys_suffice=True,
            expect=expect(turn, keys=ONE_KEY),
        )

    def understood(self, turn: Turn, said: Said) -> str | None:
        one, other = turn.state.between
        words, text = lexicon(turn.state.language), spoken_form(said.interpretation.text)
        if is_any(text, words.first):
            return one
        if is_any(text, words.second):
            return other
        meaning = said.interpretation
        if meaning.intent in turn.flow.routes and turn.understood(meaning):
            # Neither, where they want something else by now.
            return meaning.intent if meaning.intent in (one, other) else None
        names = [set(spoken_form(name).split()) for name in self._names(turn)]
        told = set(text.split())
        first, second = told & (names[0] - names[1]), told & (names[1] - names[0])
        if bool(first) == bool(second):
            return None
        return one if first else other

    def keyed(self, turn: Turn, digits: str) -> str | None:
        return dict(zip("12", turn.state.between, strict=True)).get(digits)

    def _names(self, turn: Turn) -> list[str]:
        flow, language = turn.flow, turn.state.language
        return [
            flow.text(flow.intent_names[intent], language).fill(turn.state.slots)
            for intent in turn.state.between
        ]


class _Return(AsideKind):
    def question(self, turn: Turn) -> Question:
        words = lexicon(turn.state.language)
        return Question(
            prompt="ask_return",
            reprompt="ask_return",
            keys=None,
            expect=expect(turn, phrases=(*words.yes, *words.no), keys=ONE_KEY),
        )

    def understood(self, turn: Turn, said: Said) -> str | None:
        words, text = lexicon(turn.state.language), spoken_form(said.interpretation.text)
        if is_any(text, words.no) or opens_with_any(text, words.no):
            return "no"
        return "yes" if is_any(without_fillers(text, turn.state.language), words.yes) else None

    def keyed(self, turn: Turn, digits: str) -> str | None:
        # A key is pressed by mistake more easily than a yes is said.
        return None if digits in turn.flow.global_keys else "no"


ASIDES: Mapping[str, AsideKind] = {"which": _Which(), "language": _Language(), "return": _Return()}
"""By the name in the state."""
