"""The port of understanding: words in, intents and entities out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A value found in the words.

    `kind` is one of "digits", "amount", "date", "card_type", "yes_no" or a name of the
    training data. `value` is canonical text: digits "447123", amount "250.00",
    date "2026-11-03" (ISO 8601), card_type "credit", yes_no "yes". `text` is what was said;
    `start`, `end` its place in characters.
    """

    kind: str
    value: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredIntent:
    """An intent and how sure the engine is of it, 0..1."""

    name: str
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpretation:
    """What an utterance may mean: `intents` best first, never empty unless `text` is.

    `model` says which engine and version of its model spoke, e.g. "spacy:en-0123456789abcdef".
    """

    text: str
    intents: tuple[ScoredIntent, ...] = ()
    entities: tuple[Entity, ...] = ()
    model: str = ""

    @property
    def intent(self) -> str:
        """Name of the best intent; empty when there is none."""
        return self.intents[0].name if self.intents else ""

    @property
    def confidence(self) -> float:
        """Confidence of the best intent, 0..1; 0 when there is none."""
        return self.intents[0].confidence if self.intents else 0.0


class Interpreter(Protocol):
    """An engine trained for one application, with a model for each of its languages."""

    @property
    def languages(self) -> frozenset[str]:
        """Codes of the languages it has a model for."""
        ...

    async def interpret(self, text: str, language: str) -> Interpretation:
        """Never raises: an engine that fails answers with no intents."""
        ...

    async def close(self) -> None:
        """Let go of connections and models."""
