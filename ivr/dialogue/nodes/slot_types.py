"""The types of slots: how a spoken and a keyed answer become one canonical value.

digits     "447123"         amount     "250.00"        date    "2026-11-03"
yes_no     "yes" or "no"    card_type  "credit"        choice  an option's name
name       as it was heard
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, ClassVar

from ivr.dialogue.actions import DigitEntry
from ivr.dialogue.lexicon import contains_phrase, lexicon, spoken_form
from ivr.dialogue.nodes.kind import Misfit
from ivr.dialogue.nodes.options import (
    Option,
    by_contained_phrase,
    by_exact_phrase,
    by_key,
    key_entry,
    phrases_of,
)
from ivr.dialogue.templates import clean

if TYPE_CHECKING:
    from ivr.dialogue.nodes.slot_filler import SlotConfig
    from ivr.nlu.interpreter import Interpretation

Heard = str | Misfit | None
KeysPrompt = tuple[str, tuple[tuple[str, str], ...]]
"""A service prompt and its values."""

_MOST_MONEY = Decimal(10) ** 9
_LONGEST_NAME = 80
_FIGURES = re.compile(r"[0-9](?:[0-9 \-]*[0-9])?")


class SlotType(ABC):
    """One type. `language` is the one spoken now, `today` the caller's date."""

    entity: ClassVar[str] = ""
    """The kind of entity that is a value of it."""
    value_first: ClassVar[bool] = True
    """A value in the sentence is beyond doubt the answer, whatever else was said."""

    def entity_kind(self, config: SlotConfig) -> str:
        """The kind of entity that fills it unasked."""
        return config.entity or self.entity

    @abstractmethod
    def canonical(self, config: SlotConfig, value: str, today: date) -> Heard:
        """The value of an entity of its kind, checked."""

    @abstractmethod
    def keyed(self, config: SlotConfig, keys: str, today: date) -> Heard:
        """The value of an entry of keys."""

    @abstractmethod
    def keys(self, config: SlotConfig) -> DigitEntry | None:
        """How it is keyed; None where it cannot be."""

    @abstractmethod
    def keys_prompt(self, config: SlotConfig) -> KeysPrompt | None:
        """The service prompt that says how to key it."""

    def spoken(
        self, config: SlotConfig, meaning: Interpretation, language: str, today: date
    ) -> Heard:
        """The value in a sentence."""
        misfit: Misfit | None = None
        for value in self._values(config, meaning):
            heard = self.canonical(config, value, today)
            if isinstance(heard, str):
                return heard
            misfit = misfit or heard
        return misfit

    def exact(self, config: SlotConfig, text: str, language: str) -> str | None:
        """The value when a phrase for it is all that was said."""
        return None

    def phrases(self, config: SlotConfig, language: str) -> Iterable[str]:
        """What narrows the recogniser; nothing leaves it open."""
        return ()

    def spoken_digits(self, config: SlotConfig) -> int:
        """How many digits make a spoken answer complete; 0 where that says nothing."""
        return 0

    def values(self, config: SlotConfig) -> frozenset[str]:
        """All its values, where they are few."""
        return frozenset()

    def _values(self, config: SlotConfig, meaning: Interpretation) -> list[str]:
        kind = self.entity_kind(config)
        return [entity.value for entity in meaning.entities if entity.kind == kind]


class _Digits(SlotType):
    entity = "digits"

    def canonical(self, config: SlotConfig, value: str, today: date) -> Heard:
        kept = value.replace(" ", "").replace("-", "")
        if not kept.isascii() or not kept.isdigit():
            return None
        least, most = config.digit_range
        if least <= len(kept) <= most:
            return kept
        if least == most:
            return Misfit("wrong_length", (("needed", str(least)),))
        return Misfit("not_understood")

    def spoken(
        self, config: SlotConfig, meaning: Interpretation, language: str, today: date
    ) -> Heard:
        found = self._values(config, meaning) or _FIGURES.findall(meaning.text)
        misfit: Misfit | None = None
        for value in (*found, "".join(found)):
            heard = self.canonical(config, value, today)
            if isinstance(heard, str):
                return heard
            misfit = misfit or heard
        return misfit

    def keyed(self, config: SlotConfig, keys: str, today: date) -> Heard:
        return self.canonical(config, keys, today)

    def keys(self, config: SlotConfig) -> DigitEntry:
        least, most = config.digit_range
        return DigitEntry(least=least, most=most)

    def keys_prompt(self, config: SlotConfig) -> KeysPrompt:
        least, most = config.digit_range
        if least == most:
            return "keys_digits", (("needed", str(least)),)
        return "keys_some_digits", (("least", str(least)), ("most", str(most)))

    def phrases(self, config: SlotConfig, language: str) -> Iterable[str]:
        return lexicon(language).digits

    def spoken_digits(self, config: SlotConfig) -> int:
        least, most = config.digit_range
        return least if least == most else 0


class _Amount(SlotType):
    entity = "amount"

    def canonical(self, config: SlotConfig, value: str, today: date) -> Heard:
        try:
            amount = Decimal(value)
        except InvalidOperation:
            return None
        if not amount.is_finite() or not 0 < amount < _MOST_MONEY:
            return None
        rounded = amount.quantize(Decimal("0.01"))
        return str(rounded) if rounded > 0 else None

    def spoken(
        self, config: SlotConfig, meaning: Interpretation, language: str, today: date
    ) -> Heard:
        heard = super().spoken(config, meaning, language, today)
        if heard is not None:
            return heard
        bare = [entity.value for entity in meaning.entities if entity.kind == "digits"]
        for value in bare or _FIGURES.findall(meaning.text):
            heard = self.canonical(config, value.replace(" ", ""), today)
            if heard is not None:
                return heard
        return None

    def keyed(self, config: SlotConfig, keys: str, today: date) -> Heard:
        if not re.fullmatch(r"[0-9]{1,9}(\*[0-9]{1,2})?", keys, re.ASCII):
            return None
        return self.canonical(config, keys.replace("*", "."), today)

    def keys(self, config: SlotConfig) -> DigitEntry:
        return DigitEntry(least=1, most=12)

    def keys_prompt(self, config: SlotConfig) -> KeysPrompt:
        return "keys_amount", ()

    def phrases(self, config: SlotConfig, language: str) -> Iterable[str]:
        return lexicon(language).numbers


class _Date(SlotType):
    entity = "date"

    def canonical(self, config: SlotConfig, value: str, today: date) -> Heard:
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            return None

    def keyed(self, config: SlotConfig, keys: str, today: date) -> Heard:
        if len(keys) not in (4, 8) or not keys.isascii() or not keys.isdigit():
            return None
        day, month = int(keys[:2]), int(keys[2:4])
        years = (int(keys[4:]),) if len(keys) == 8 else tuple(range(today.year, today.year + 5))
        for year in years:
            try:
                found = date(year, month, day)
            except ValueError:
                continue
            if len(keys) == 8 or found >= today - timedelta(days=1):
                return found.isoformat()
        return None

    def keys(self, config: SlotConfig) -> DigitEntry:
        return DigitEntry(least=4, most=8)

    def keys_prompt(self, config: SlotConfig) -> KeysPrompt:
        return "keys_date", ()


class _YesNo(SlotType):
    entity = "yes_no"
    value_first = False

    def canonical(self, config: SlotConfig, value: str, today: date) -> Heard:
        return value if value in ("yes", "no") else None

    def exact(self, config: SlotConfig, text: str, language: str) -> str | None:
        words = lexicon(language)
        said = spoken_form(text)
        for value, phrases in (("yes", words.yes), ("no", words.no)):
            if any(spoken_form(phrase) == said for phrase in phrases):
                return value
        return None

    def spoken(
        self, config: SlotConfig, meaning: Interpretation, language: str, today: date
    ) -> Heard:
        words, said = lexicon(language), spoken_form(meaning.text)
        denies = any(contains_phrase(said, spoken_form(phrase)) for phrase in words.no)
        affirms = any(contains_phrase(said, spoken_form(phrase)) for phrase in words.yes)
        if denies:
            return "no"
        if affirms:
            return "yes"
        return super().spoken(config, meaning, language, today)

    def keyed(self, config: SlotConfig, keys: str, today: date) -> Heard:
        return {"1": "yes", "2": "no"}.get(keys)

    def keys(self, config: SlotConfig) -> DigitEntry:
        return DigitEntry(least=1, most=1)

    def keys_prompt(self, config: SlotConfig) -> KeysPrompt:
        return "keys_yes_no", ()

    def phrases(self, config: SlotConfig, language: str) -> Iterable[str]:
        words = lexicon(language)
        return (*words.yes, *words.no)

    def values(self, config: SlotConfig) -> frozenset[str]:
        return frozenset({"yes", "no"})


class _Choice(SlotType):
    value_first = False

    def options(self, config: SlotConfig, language: str) -> tuple[Option, ...]:
        return config.options

    def canonical(self, config: SlotConfig, value: str, today: date) -> Heard:
        # Options are names of the flow's own; an entity is written as its engine writes it.
        named = {option.name.casefold(): option.name for option in self.options(config, "")}
        return named.get(value.casefold())

    def exact(self, config: SlotConfig, text: str, language: str) -> str | None:
        return by_exact_phrase(self.options(config, language), language, text)

    def spoken(
        self, config: SlotConfig, meaning: Interpretation, language: str, today: date
    ) -> Heard:
        said = by_contained_phrase(self.options(config, language), language, meaning.text)
        return said or super().spoken(config, meaning, language, today)

    def keyed(self, config: SlotConfig, keys: str, today: date) -> Heard:
        return by_key(self.options(config, ""), keys)

    def keys(self, config: SlotConfig) -> DigitEntry:
        return key_entry(self.options(config, ""))

    def keys_prompt(self, config: SlotConfig) -> KeysPrompt | None:
        return None

    def phrases(self, config: SlotConfig, language: str) -> Iterable[str]:
        return phrases_of(self.options(config, language), language)

    def values(self, config: SlotConfig) -> frozenset[str]:
        return frozenset(option.name for option in self.options(config, ""))


class _CardType(_Choice):
    entity = "card_type"

    def options(self, config: SlotConfig, language: str) -> tuple[Option, ...]:
        if config.options:
            return config.options
        cards = lexicon(language).cards
        return tuple(
            Option(name=name, key=key, phrases={language: cards.get(name, ())})
            for name, key in (("debit", "1"), ("credit", "2"))
        )

    def keys_prompt(self, config: SlotConfig) -> KeysPrompt | None:
        return None if config.options else ("keys_cards", ())


class _Name(SlotType):
    entity = "person"

    def canonical(self, config: SlotConfig, value: str, today: date) -> Heard:
        name = " ".join(clean(value).split())
        return name if 0 < len(name) <= _LONGEST_NAME else None

    def keyed(self, config: SlotConfig, keys: str, today: date) -> Heard:
        return None

    def keys(self, config: SlotConfig) -> None:
        return None

    def keys_prompt(self, config: SlotConfig) -> None:
        return None


SLOT_TYPES: Mapping[str, SlotType] = {
    "digits": _Digits(),
    "amount": _Amount(),
    "date": _Date(),
    "yes_no": _YesNo(),
    "card_type": _CardType(),
    "choice": _Choice(),
    "name": _Name(),
}
"""By the name that a flow file uses."""
