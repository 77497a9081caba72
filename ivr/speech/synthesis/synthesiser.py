"""The port of speech synthesis."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from ivr.audio.format import Audio
from ivr.errors import IvrError


class SynthesisFailed(IvrError):
    """The engine did not speak in time, or at all."""


class NotSpoken(SynthesisFailed):
    """The engine is well, but has no such language or voice: another may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """Which voice speaks: `language` is a code ("en", "hi"); `rate` in words per minute; `pitch`
    0..100; `names` is what engines call the voice, by their kind (("coqui", "p225"), ...), none
    for an engine's default.
    """

    language: str
    rate: int = 160
    pitch: int = 50
    names: tuple[tuple[str, str], ...] = ()

    def name_for(self, kind: str) -> str:
        """What an engine of this kind calls the voice; empty for its default."""
        return dict(self.names).get(kind, "")


class Synthesiser(Protocol):
    """A synthesis engine, or what stands before several."""

    async def synthesise(self, text: str, voice: Voice) -> Audio:
        """`text` as sound at 8,000 Hz. Raises SynthesisFailed, soon rather than late."""
        ...

    async def close(self) -> None:
        """Let go of connections."""


class StreamingSynthesiser(Synthesiser, Protocol):
    """What speaks in a call: the beginning is heard while the rest is made."""

    def stream(self, text: str, voice: Voice) -> AsyncIterator[Audio]:
        """`text` as sound at 8,000 Hz, in pieces: the first is there soon, and each next one is
        made when it is asked for. Raises SynthesisFailed; what has come until then is the
        beginning of the text.
        """
        ...
