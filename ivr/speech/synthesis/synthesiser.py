"""The port of speech synthesis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ivr.audio.format import Audio
from ivr.errors import IvrError


class SynthesisFailed(IvrError):
    """The engine did not speak in time, or at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """Which voice speaks: `language` is a code ("en", "hi"); `name` an engine's own name, empty
    for its default; `rate` in words per minute; `pitch` 0..100.
    """

    language: str
    name: str = ""
    rate: int = 160
    pitch: int = 50


class Synthesiser(Protocol):
    """A synthesis engine, or a cache before one."""

    async def synthesise(self, text: str, voice: Voice) -> Audio:
        """`text` as sound at 8,000 Hz. Raises SynthesisFailed, soon rather than late."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
