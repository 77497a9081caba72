"""Slots for values that are counted: digits, sums of money, dates, times of day."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from ivr.dialogue.actions import DigitEntry
from ivr.dialogue.checksums import checks
from ivr.dialogue.lexicon import lexicon
from ivr.dialogue.nodes.kind import Misfit
from ivr.dialogue.nodes.slot_type import Heard, KeysPrompt, SlotType

if TYPE_CHECKING:
    from ivr.dialogue.nodes.slot_filler import SlotConfig
    from ivr.nlu.interpreter import Interpretation

_MOST_MONEY = Decimal(10) ** 9
_FIGURES = re.compile(r"[0-9](?:[0-9 \-]*[0-9])?")
_CLOCK = re.compile(r"(?<![0-9])([01]?[0-9]|2[0-3])[:.h ]?([0-5][0-9])(?![0-9])")


class Digits(SlotType):
    """A number of digits, "447123"."""

    entity = "digits"

    def canonical(self, config: SlotConfig, value: str, today: date) -> Heard:
        """See `SlotType`."""
        kept = value.replace(" ", "").replace("-", "")
        if not kept.isascii() or not kept.isdigit():
            return None
        least, most = config.digit_range
        if least <= len(kept) <= most:
            if config.checksum is not None and not checks(kept, config.checksum):
                return Misfit("wrong_checksum")
            return kept
        if least == most:
            return Misfit("wrong_length", (("needed", str(least)),))
        return Misfit("not_understood")

    def spoken(
        self, config: SlotConfig, meaning: Interpretation, language: str, today: date
    ) -> Heard:
        """See `SlotType`."""
        found = self._values(config, meaning) or _FIGURES.findall(meaning.text)
        misfit: Misfit | None = None
        for value in (*found, "".join(found)):
            heard = self.canonical(config, value, today)
            if isinstance(heard, str):
                return heard
            misfit = misfit or heard
        return misfit

    def keyed(self, config: SlotConfig, keys: str, today: date) -> Heard:
        """See `SlotType`."""
        return self.canonical(config, keys, today)

    def keys(self, config: SlotConfig) -> DigitEntry:
        """See `SlotType`."""
        least, most = config.digit_range
        return DigitEntry(least=least, most=most)

    def keys_prompt(self, config: SlotConfig) -> KeysPrompt:
        """See `SlotType`."""
        least, most = config.digit_range
        if least == most:
            return "keys_digits", (("needed", str(least)),)
        return "keys_some_digits", (("least", str(least)), ("most", str(most)))

    def phrases(self, config: SlotConfig, language: str) -> Iterable[str]:
        """See `SlotType`."""
        return lexicon(language).digits

    def spoken_digits(self, config: SlotConfig) -> int:
        """See `SlotType`."""
        least, most = config.digit_range
        return least if least == most else 0


class Amount(SlotType):
    """A sum of money, "250.00"."""

    entity = "amount"

    def canonical(self, config: SlotConfig, value: str, today: date) -> Heard:
        """See `SlotType`."""
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
        """See `SlotType`."""
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
        """See `SlotType`."""
        if not re.fullmatch(r"[0-9]{1,9}(\*[0-9]{1,2})?", keys, re.ASCII):
            return None
        return self.canonical(config, keys.replace("*", "."), today)

    def keys(self, config: SlotConfig) -> DigitEntry:
        """See `SlotType`."""
        return DigitEntry(least=1, most=12)

    def keys_prompt(self, config: SlotConfig) -> KeysPrompt:
        """See `SlotType`."""
        return "keys_amount", ()

    def phrases(self, config: SlotConfig, language: str) -> Iterable[str]:
        """See `SlotType`."""
        return lexicon(language).numbers


class Date(SlotType):
    """A day, "2026-11-03"."""

    entity = "date"

    def canonical(self, config: SlotConfig, value: str, today: date) -> Heard:
        """See `SlotType`."""
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            return None

    def keyed(self, config: SlotConfig, keys: str, today: date) -> Heard:
        """See `SlotType`."""
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
        """See `SlotType`."""
        return DigitEntry(least=4, most=8)

    def keys_prompt(self, config: SlotConfig) -> KeysPrompt:
        """See `SlotType`."""
        return "keys_date", ()


class Time(SlotType):
    """A time of day, "14:30"."""

    entity = "time"

    def canonical(self, config: SlotConfig, value: str, today: date) -> Heard:
        """See `SlotType`."""
        try:
            return time.fromisoformat(value).strftime("%H:%M")
        except ValueError:
            return None

    def spoken(
        self, config: SlotConfig, meaning: Interpretation, language: str, today: date
    ) -> Heard:
        """See `SlotType`."""
        heard = super().spoken(config, meaning, language, today)
        found = _CLOCK.search(meaning.text) if heard is None else None
        return f"{int(found[1]):02}:{found[2]}" if found else heard

    def keyed(self, config: SlotConfig, keys: str, today: date) -> Heard:
        """See `SlotType`."""
        if len(keys) != 4 or not keys.isascii() or not keys.isdigit():
            return None
        return self.canonical(config, f"{keys[:2]}:{keys[2:]}", today)

    def keys(self, config: SlotConfig) -> DigitEntry:
        """See `SlotType`."""
        return DigitEntry(least=4, most=4)

    def keys_prompt(self, config: SlotConfig) -> KeysPrompt:
        """See `SlotType`."""
        return "keys_time", ()
