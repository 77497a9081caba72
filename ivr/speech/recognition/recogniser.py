"""The port of speech recognition: one `Recogniser` a process, one `Utterance` for each time
the caller speaks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ivr.audio.format import AudioFormat
from ivr.errors import IvrError


class RecognitionFailed(IvrError):
    """The engine could not do its work on this utterance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One recognised word; times in ms from the utterance's first fed sample; confidence 0..1."""

    text: str
    start_ms: float
    end_ms: float
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """What was understood of an utterance; empty `text` when nothing was.

    `unknown` counts stretches of speech that were none of the words the model knows. `language`
    is the one it was heard in, where several were listened for, and one was plainly it.
    `alternatives` are what else it may have been, likeliest first. `disputed`: how sure it was
    heard, 0..1, as something else entirely.
    """

    text: str
    words: tuple[Word, ...] = ()
    unknown: int = 0
    language: str = ""
    alternatives: tuple[str, ...] = ()
    disputed: float = 0.0

    @property
    def confidence(self) -> float:
        """Mean word confidence, 0..1, unknown stretches counting 0; 0 when nothing was
        recognised.
        """
        if not self.words:
            return 0.0
        return sum(word.confidence for word in self.words) / (len(self.words) + self.unknown)

    def then(self, rest: Transcript, since_ms: float) -> Transcript:
        """Return this with `rest` behind it, which was heard from `since_ms` on. For what came of
        a recogniser: neither `alternatives` nor what was decided by them is kept."""
        moved = (
            replace(word, start_ms=word.start_ms + since_ms, end_ms=word.end_ms + since_ms)
            for word in rest.words
        )
        return Transcript(
            text=" ".join(text for text in (self.text, rest.text) if text),
            words=(*self.words, *moved),
            unknown=self.unknown + rest.unknown,
        )


class Utterance(Protocol):
    """One stretch of the caller's speech. Decoding happens off the event loop, in order."""

    @property
    def failure(self) -> RecognitionFailed | None:
        """What `finish` would raise, where it is known that it would."""
        ...

    def feed(self, pcm: bytes) -> None:
        """Add sound (any whole number of samples); returns at once."""

    async def finish(self) -> Transcript:
        """No more sound comes: the final words. Raises RecognitionFailed. Call once."""
        ...

    def abandon(self) -> None:
        """Throw it away; safe at any time, also after `finish`."""


class Recogniser(Protocol):
    """A recognition engine with its models, shared by all calls of the process."""

    @property
    def languages(self) -> frozenset[str]:
        """Codes of the languages it has a model for."""
        ...

    def open(
        self,
        language: str,
        format: AudioFormat,
        *,
        phrases: Sequence[str] | None = None,
        on_partial: Callable[[str], None] | None = None,
    ) -> Utterance:
        """Begin an utterance.

        `phrases` narrows recognition to these words and phrases (with an escape for anything
        else); None means the model's whole language. `on_partial` is called on the event loop
        whenever the running hypothesis changes. Raises RecognitionFailed where there is no
        model for `language`.
        """
        ...

    def close(self) -> None:
        """Let go of threads and models."""
