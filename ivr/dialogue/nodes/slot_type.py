"""What every type of slot says about itself: how a spoken and a keyed answer become one canonical
value."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING, ClassVar

from ivr.dialogue.actions import DigitEntry
from ivr.dialogue.nodes.kind import Misfit

if TYPE_CHECKING:
    from ivr.dialogue.nodes.slot_filler import SlotConfig
    from ivr.nlu.interpreter import Interpretation

Heard = str | Misfit | None
KeysPrompt = tuple[str, tuple[tuple[str, str], ...]]
"""A service prompt and its values."""


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
