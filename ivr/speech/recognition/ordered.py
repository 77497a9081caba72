"""Several engines in an order: the first that works hears the caller.

Rules:
- An engine that fails, before or in the middle of an utterance, is left at once: the next gets
  all the sound from the beginning, and the caller notices a pause at most.
- It rests from then on, for the language in which it failed, until a probe finds it well again.
- Both are told in the log once, not for each utterance.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from ivr.audio.format import AudioFormat
from ivr.speech.recognition.recogniser import (
    Recogniser,
    RecognitionFailed,
    Transcript,
    Utterance,
)

PROBE_S = 1.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """One engine: its `name` in the log, and `healthy`, which says whether it would hear a
    language again. None: it is in this process and never rests; what fails there is one utterance.
    """

    name: str
    recogniser: Recogniser
    healthy: Callable[[str], Awaitable[bool]] | None = None


class OrderedRecogniser:
    """A `Recogniser` of `engines`, best first; those that rest are probed every `probe_s`."""

    def __init__(self, engines: Sequence[Engine], *, probe_s: float = PROBE_S) -> None:
        self._engines = tuple(engines)
        self._probe_s = probe_s
        self._resting: dict[tuple[str, str], asyncio.Task[None]] = {}

    @property
    def languages(self) -> frozenset[str]:
        """See `Recogniser.languages`."""
        return frozenset[str]().union(*(each.recogniser.languages for each in self._engines))

    def uses(self, language: str) -> str | None:
        """The name of the engine that would hear `language` now; None where there is none."""
        able = self._able(language)
        return able[0].name if able else None

    def open(
        self,
        language: str,
        format: AudioFormat,
        *,
        phrases: Sequence[str] | None = None,
        on_partial: Callable[[str], None] | None = None,
    ) -> Utterance:
        """See `Recogniser.open`."""
        able = self._able(language)
        if not able:
            raise RecognitionFailed(
                f"There is no recogniser for language {language!r}.",
                remedy="See `ivrctl models list`, and install one with `ivrctl models install`.",
            )

        def opened(engine: Engine) -> Utterance:
            return engine.recogniser.open(language, format, phrases=phrases, on_partial=on_partial)

        if len(able) == 1:
            return opened(able[0])
        return OrderedUtterance(able, opened, lambda engine, why: self._rest(engine, language, why))

    def close(self) -> None:
        """See `Recogniser.close`."""
        for probe in self._resting.values():
            probe.cancel()
        for engine in self._engines:
            engine.recogniser.close()

    def _able(self, language: str) -> list[Engine]:
        return [
            engine
            for engine in self._engines
            if language in engine.recogniser.languages
            and (engine.name, language) not in self._resting
        ]

    def _rest(self, engine: Engine, language: str, why: str) -> None:
        if engine.healthy is None:
            _log.warning("recogniser_failed", engine=engine.name, language=language, why=why)
            return
        if (engine.name, language) in self._resting:
            return
        probe = asyncio.get_running_loop().create_task(self._probe(engine, language))
        self._resting[engine.name, language] = probe
        _log.warning(
            "recogniser_resting",
            engine=engine.name,
            language=language,
            instead=self.uses(language),
            why=why,
        )

    async def _probe(self, engine: Engine, language: str) -> None:
        assert engine.healthy is not None
        while True:
            await asyncio.sleep(self._probe_s)
            if await engine.healthy(language):
                del self._resting[engine.name, language]
                _log.info("recogniser_back", engine=engine.name, language=language)
                return


class OrderedUtterance:
    """An `Utterance` that goes on with the next of `engines` when one fails; `opened` opens it
    there, and `on_failed` is told which failed, and why.
    """

    def __init__(
        self,
        engines: Sequence[Engine],
        opened: Callable[[Engine], Utterance],
        on_failed: Callable[[Engine, str], None],
    ) -> None:
        self._left = list(engines)
        self._opened = opened
        self._on_failed = on_failed
        self._sound = bytearray()
        self._engine: Engine | None = None
        self._current: Utterance | None = None
        self._abandoned = False
        self._next()

    @property
    def failure(self) -> RecognitionFailed | None:
        """See `Utterance.failure`."""
        return None if self._left or self._current is None else self._current.failure

    def feed(self, pcm: bytes) -> None:
        """See `Utterance.feed`."""
        self._sound += pcm
        if self._current is None:
            return
        failure = self._current.failure
        if failure is not None and self._left and not self._abandoned:
            self._failed(failure)
            self._next()
        else:
            self._current.feed(pcm)

    async def finish(self) -> Transcript:
        """See `Utterance.finish`."""
        while self._current is not None:
            try:
                words = await self._current.finish()
            except RecognitionFailed as failure:
                if self._abandoned or not self._left:
                    raise
                self._failed(failure)
                self._next()
                continue
            self._sound.clear()
            return words
        raise RecognitionFailed("No recogniser is left for this utterance.")

    def abandon(self) -> None:
        """See `Utterance.abandon`."""
        self._abandoned = True
        self._sound.clear()
        if self._current is not None:
            self._current.abandon()

    def _next(self) -> None:
        """Open the utterance with the next engine, and give it all the sound so far."""
        self._current = None
        while self._left and self._current is None:
            self._engine = self._left.pop(0)
            try:
                self._current = self._opened(self._engine)
            except RecognitionFailed as failure:
                if not self._left:
                    raise
                self._failed(failure)
        if self._current is not None and self._sound:
            self._current.feed(bytes(self._sound))

    def _failed(self, failure: RecognitionFailed) -> None:
        assert self._engine is not None
        self._on_failed(self._engine, failure.what)
