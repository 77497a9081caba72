"""Slots for what can only be said: a name, any words."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from ivr.dialogue.nodes.slot_type import Heard, SlotType
from ivr.dialogue.templates import clean

if TYPE_CHECKING:
    from ivr.dialogue.nodes.slot_filler import SlotConfig
    from ivr.nlu.interpreter import Interpretation

_LONGEST_NAME = 80
_LONGEST_TEXT = 400


class Name(SlotType):
    """A person's name, as it was heard."""

    entity = "person"

    def canonical(self, config: SlotConfig, value: str, today: date) -> Heard:
        """See `SlotType`."""
        name = " ".join(clean(value).split())
        return name if 0 < len(name) <= _LONGEST_NAME else None

    def keyed(self, config: SlotConfig, keys: str, today: date) -> Heard:
        """See `SlotType`."""
        return None

    def keys(self, config: SlotConfig) -> None:
        """See `SlotType`."""
        return

    def keys_prompt(self, config: SlotConfig) -> None:
        """See `SlotType`."""
        return


class FreeText(Name):
    """Whatever was said, as it was heard."""

    entity = "text"
    value_first = False

    def canonical(self, config: SlotConfig, value: str, today: date) -> Heard:
        """See `SlotType`."""
        text = " ".join(clean(value).split())
        return text if 0 < len(text) <= _LONGEST_TEXT else None

    def spoken(
        self, config: SlotConfig, meaning: Interpretation, language: str, today: date
    ) -> Heard:
        """See `SlotType`."""
        return self.canonical(config, meaning.text[:_LONGEST_TEXT], today)
