"""The port of what speaks inside a synthesis process, and what such a process says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ivr.audio.format import Samples
from ivr.speech.synthesis.synthesiser import Voice

NATURAL_RATE = 150
"""Words per minute at which a model that knows no rate is taken to speak."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """`kind` names the engine in flows and settings; `version` names what makes its sound.
    `models` is the model of each language that it speaks, empty where it speaks any. `by_clause`
    says that it is slow: the first clause is to be heard while it makes the next.
    """

    kind: str
    version: str
    models: Mapping[str, str] = field(default_factory=dict)
    by_clause: bool = False

    def speaks(self, language: str) -> bool:
        """Whether it speaks `language` ("en", "en-IN")."""
        return not self.models or primary(language) in self.models

    def sound_in(self, language: str) -> str:
        """What names its sound in `language`: prompts of another are never used."""
        return f"{self.version} {self.models.get(primary(language), '')}".strip()

    def as_header(self) -> dict[str, Any]:
        """What a ping is answered with."""
        return {
            "kind": self.kind,
            "engine": self.version,
            "models": dict(self.models),
            "by_clause": self.by_clause,
        }

    @classmethod
    def from_header(cls, header: Mapping[str, Any]) -> EngineFacts:
        """The facts in a ping's answer; what is missing or of another type is left out."""
        models = header.get("models")
        return cls(
            kind=str(header.get("kind", "")),
            version=str(header.get("engine", "")),
            models={str(code): str(model) for code, model in models.items()}
            if isinstance(models, dict)
            else {},
            by_clause=header.get("by_clause") is True,
        )


def primary(language: str) -> str:
    """The language of a code without its region: "en" of "en-IN" and "en_IN"."""
    return language.lower().replace("_", "-").partition("-")[0]


class Engine(Protocol):
    """A speech engine, loaded. Called by one thread."""

    @property
    def facts(self) -> EngineFacts:
        """What it is."""
        ...

    @property
    def limit_s(self) -> float:
        """For how long one text may take, in seconds, before it is taken to be stuck."""
        ...

    def speak(self, text: str, voice: Voice) -> tuple[Samples, int]:
        """`text` (see `speakable`) as samples, and their rate in Hz.

        Raises NotSpoken for a language or voice that it does not have, SynthesisFailed where it
        did not speak in `limit_s`, and whatever the engine itself raises.
        """
        ...


def speed_of(voice: Voice) -> float:
    """How much faster than its natural pace a model is to speak: 0.5 to 2.0."""
    return min(max(voice.rate / NATURAL_RATE, 0.5), 2.0)


def pitch_factor(voice: Voice) -> float:
    """By how much a voice without a pitch of its own is raised: 1.0 at 50, a fifth up or down at
    100 and 0."""
    return float(2.0 ** ((min(max(voice.pitch, 0), 100) - 50) / 50 * 7 / 12))


def pitched_rate(rate: int, factor: float) -> int:
    """The rate at which samples sound higher by `factor`, a whole number of frames long."""
    return min(max(round(rate * factor / 50) * 50, 8000), 48000)
