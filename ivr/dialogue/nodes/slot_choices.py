"""Slots for one of a few values: yes or no, one of some options, a kind of card."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING

from ivr.dialogue.actions import DigitEntry
from ivr.dialogue.lexicon import contains_any, is_any, lexicon, spoken_form
from ivr.dialogue.nodes.options import (
    Option,
    by_contained_phrase,
    by_exact_phrase,
    by_key,
    key_entry,
    phrases_of,
)
from ivr.dialogue.nodes.slot_type import Heard, KeysPrompt, SlotType

if TYPE_CHECKING:
    from ivr.dialogue.nodes.slot_filler import SlotConfig
    from ivr.nlu.interpreter import Interpretation


class YesNo(SlotType):
    """A yes or a no."""

    entity = "yes_no"
    value_first = False

    def canonical(self, config: SlotConfig, value: str, today: date) -> Heard:
        """See `SlotType`."""
        return value if value in ("yes", "no") else None

    def exact(self, config: SlotConfig, text: str, language: str) -> str | None:
        """See `SlotType`."""
        words = lexicon(language)
        said = spoken_form(text)
        for value, phrases in (("yes", words.yes), ("no", words.no)):
            if is_any(said, phrases):
                return value
        return None

    def spoken(
        self, config: SlotConfig, meaning: Interpretation, language: str, today: date
    ) -> Heard:
        """See `SlotType`."""
        words, said = lexicon(language), spoken_form(meaning.text)
        denies, affirms = contains_any(said, words.no), contains_any(said, words.yes)
        if denies:
            return "no"
        if affirms:
            return "yes"
        return super().spoken(config, meaning, language, today)

    def keyed(self, config: SlotConfig, keys: str, today: date) -> Heard:
        """See `SlotType`."""
        return {"1": "yes", "2": "no"}.get(keys)

    def keys(self, config: SlotConfig) -> DigitEntry:
        """See `SlotType`."""
        return DigitEntry(least=1, most=1)

    def keys_prompt(self, config: SlotConfig) -> KeysPrompt:
        """See `SlotType`."""
        return "keys_yes_no", ()

    def phrases(self, config: SlotConfig, language: str) -> Iterable[str]:
        """See `SlotType`."""
        words = lexicon(language)
        return (*words.yes, *words.no)

    def values(self, config: SlotConfig) -> frozenset[str]:
        """See `SlotType`."""
        return frozenset({"yes", "no"})


class Choice(SlotType):
    """The name of one of the slot's options."""

    value_first = False

    def options(self, config: SlotConfig, language: str) -> tuple[Option, ...]:
        """See `SlotType`."""
        return config.options

    def canonical(self, config: SlotConfig, value: str, today: date) -> Heard:
        """See `SlotType`."""
        # Options are names of the flow's own; an entity is written as its engine writes it.
        named = {option.name.casefold(): option.name for option in self.options(config, "")}
        return named.get(value.casefold())

    def exact(self, config: SlotConfig, text: str, language: str) -> str | None:
        """See `SlotType`."""
        return by_exact_phrase(self.options(config, language), language, text)

    def spoken(
        self, config: SlotConfig, meaning: Interpretation, language: str, today: date
    ) -> Heard:
        """See `SlotType`."""
        said = by_contained_phrase(self.options(config, language), language, meaning.text)
        return said or super().spoken(config, meaning, language, today)

    def keyed(self, config: SlotConfig, keys: str, today: date) -> Heard:
        """See `SlotType`."""
        return by_key(self.options(config, ""), keys)

    def keys(self, config: SlotConfig) -> DigitEntry:
        """See `SlotType`."""
        return key_entry(self.options(config, ""))

    def keys_prompt(self, config: SlotConfig) -> KeysPrompt | None:
        """See `SlotType`."""
        return None

    def phrases(self, config: SlotConfig, language: str) -> Iterable[str]:
        """See `SlotType`."""
        return phrases_of(self.options(config, language), language)

    def values(self, config: SlotConfig) -> frozenset[str]:
        """See `SlotType`."""
        return frozenset(option.name for option in self.options(config, ""))


class CardType(Choice):
    """The kind of a card, "debit" or "credit"."""

    entity = "card_type"

    def options(self, config: SlotConfig, language: str) -> tuple[Option, ...]:
        """See `SlotType`."""
        if config.options:
            return config.options
        cards = lexicon(language).cards
        return tuple(
            Option(name=name, key=key, phrases={language: cards.get(name, ())})
            for name, key in (("debit", "1"), ("credit", "2"))
        )

    def keys_prompt(self, config: SlotConfig) -> KeysPrompt | None:
        """See `SlotType`."""
        return None if config.options else ("keys_cards", ())
