"""Stand-ins for what a conversation needs of the world: engines that know beforehand what will be
said, and stores in memory."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np

from ivr.audio.format import TELEPHONE, Audio, AudioFormat
from ivr.nlu.interpreter import Interpretation, ScoredIntent
from ivr.speech.recognition.recogniser import Transcript, Word
from ivr.speech.synthesis.synthesiser import Voice
from ivr.storage.record import AnyRecord, CallFinished, SoundKept, TurnTaken
from ivr.storage.session import Session, SessionFenced

MS_PER_WORD = 200


class Choir:
    """A synthesiser whose sounds can be told apart: each text is one constant sample."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.fault: Exception | None = None

    async def stream(self, text: str, voice: Voice) -> AsyncIterator[Audio]:
        yield await self.synthesise(text, voice)

    async def synthesise(self, text: str, voice: Voice) -> Audio:
        del voice
        if self.fault is not None:
            raise self.fault
        if text not in self.texts:
            self.texts.append(text)
        frames = len(text.split()) * MS_PER_WORD // TELEPHONE.ptime_ms
        value = self.texts.index(text) + 1
        return Audio(np.full(frames * TELEPHONE.frame_samples, value, "<i2").tobytes())

    async def close(self) -> None: ...


@dataclass
class Scribe:
    """A recogniser that has been told what will be said."""

    words: deque[str] = field(default_factory=deque)
    """Of each utterance to come; nothing once they are used up."""
    fault: Exception | None = None
    opened: int = 0
    languages: frozenset[str] = frozenset({"en"})

    def open(
        self,
        language: str,
        format: AudioFormat,
        *,
        phrases: Sequence[str] | None = None,
        on_partial: Callable[[str], None] | None = None,
    ) -> Writing:
        del language, format, phrases, on_partial
        self.opened += 1
        if self.fault is not None:
            raise self.fault
        return Writing(self)

    def close(self) -> None: ...


class Writing:
    """One utterance. Those that are open side by side hear the same."""

    failure = None

    def __init__(self, scribe: Scribe) -> None:
        self._scribe = scribe

    def feed(self, pcm: bytes) -> None: ...

    async def peek(self) -> Transcript:
        return _transcript(self._scribe.words[0] if self._scribe.words else "")

    async def finish(self) -> Transcript:
        text = self._scribe.words[0] if self._scribe.words else ""
        # The last one of those side by side turns the page.
        asyncio.get_running_loop().call_soon(self._turn_page, text)
        return _transcript(text)

    def _turn_page(self, text: str) -> None:
        if self._scribe.words and self._scribe.words[0] == text:
            self._scribe.words.popleft()

    def abandon(self) -> None: ...


def _transcript(text: str) -> Transcript:
    words = tuple(Word(text=word, start_ms=0, end_ms=100, confidence=0.95) for word in text.split())
    return Transcript(text=text, words=words)


class Reader:
    """An interpreter for which every word is an intent."""

    def __init__(self) -> None:
        self.fault: Exception | None = None

    async def interpret(self, text: str, language: str) -> Interpretation:
        del language
        if self.fault is not None:
            raise self.fault
        return Interpretation(text=text, intents=(ScoredIntent(name=text, confidence=0.95),))

    @property
    def languages(self) -> frozenset[str]:
        return frozenset({"en"})

    async def close(self) -> None: ...


class Sessions:
    """Sessions in memory, with the epochs that fence."""

    def __init__(self) -> None:
        self.epoch = 0
        self.last: Session | None = None
        self.texts: list[str] = []

    async def claim(
        self, call_id: UUID, *, within_ms: float | None = None
    ) -> tuple[int, Session | None]:
        del call_id
        self.epoch += 1
        return self.epoch, self.last

    async def save(self, session: Session, epoch: int, *, within_ms: float | None = None) -> None:
        await asyncio.sleep(0)
        if epoch != self.epoch:
            raise SessionFenced("Another worker has the call.")
        self.texts.append(session.model_dump_json())
        self.last = Session.model_validate_json(self.texts[-1])

    async def keep(self, session: Session, epoch: int) -> bool:
        await self.save(session, epoch)
        return True

    def forget(self, call_id: UUID, epoch: int) -> None: ...
    async def close(self) -> None: ...


class Records:
    """Records in memory, as JSON."""

    def __init__(self) -> None:
        self.all: list[AnyRecord] = []

    def write(self, record: AnyRecord) -> None:
        self.all.append(record)

    @property
    def turns(self) -> list[TurnTaken]:
        """The latest word on each turn, in order."""
        return list(
            {each.number: each for each in self.all if isinstance(each, TurnTaken)}.values()
        )

    @property
    def sounds(self) -> list[SoundKept]:
        return [each for each in self.all if isinstance(each, SoundKept)]

    @property
    def finished(self) -> list[CallFinished]:
        return [each for each in self.all if isinstance(each, CallFinished)]

    async def flush(self, timeout_s: float) -> bool:
        return True

    async def close(self) -> None: ...
