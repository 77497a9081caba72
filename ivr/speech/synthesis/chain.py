"""Several engines in a configured order before one port: the first that is well speaks, and where
it fails in the middle of a sentence, the next one says the rest.

An engine that failed rests, is pinged until it answers, and is used again. What it once said is
still found in the cache while it is away.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

import structlog

from ivr.audio.format import Audio
from ivr.speech.synthesis.chained import ChainedEngine
from ivr.speech.synthesis.engine import primary
from ivr.speech.synthesis.pieces import Cutter
from ivr.speech.synthesis.prompt_store import PromptStore
from ivr.speech.synthesis.recorded import RecordedPrompts
from ivr.speech.synthesis.spoken_form import spoken_form
from ivr.speech.synthesis.synthesiser import NotSpoken, SynthesisFailed, Voice

PATIENCE_S = 1.5
"""For so long nothing may be heard while a slow engine works and another could speak."""

_AT_ONCE = 4
_log = structlog.get_logger(__name__)


class EngineChain:
    """A `StreamingSynthesiser` of the engines at `urls`, in order. `fixed` is what templates always
    say, by language; `recorded` is what a human has said, which goes before any engine.

    Raises IvrError for a url that is none.
    """

    def __init__(
        self,
        urls: Sequence[str],
        store: PromptStore,
        *,
        recorded: RecordedPrompts | None = None,
        fixed: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        self._store = store
        self._recorded = recorded or RecordedPrompts.none()
        self._engines = [ChainedEngine(url, store, self._back) for url in dict.fromkeys(urls)]
        self._wanted: tuple[tuple[str, Voice], ...] = ()
        self._catching_up: asyncio.Task[int] | None = None
        self._live = 0
        self._nobody_waits = asyncio.Event()
        self._nobody_waits.set()
        self._cutters = {
            language: Cutter(spoken_form(part, language) for part in parts)
            for language, parts in (fixed or {}).items()
        }

    async def start(self) -> None:
        """Find out what each engine is; one that is away is said once, and used when it comes."""
        await asyncio.gather(*(engine.start() for engine in self._engines))

    @property
    def by_clause(self) -> bool:
        """Whether one of the engines is slow, so that parts of sentences are worth rendering."""
        return any(engine.by_clause for engine in self._engines)

    async def stream(self, text: str, voice: Voice) -> AsyncIterator[Audio]:
        """See `StreamingSynthesiser.stream`."""
        self._live += 1
        self._nobody_waits.clear()
        try:
            async for audio in self._stream(text, voice, patience_s=PATIENCE_S):
                yield audio
        finally:
            self._live -= 1
            if not self._live:
                self._nobody_waits.set()

    async def synthesise(self, text: str, voice: Voice) -> Audio:
        """See `Synthesiser.synthesise`; waits for the best engine as long as that takes."""
        pieces = [audio.pcm async for audio in self._stream(text, voice, patience_s=None)]
        return Audio(b"".join(pieces))

    def cached(self, text: str, voice: Voice) -> Audio | None:
        """Return the sound of a text that needs no engine; None where it would have to be made."""
        said = spoken_form(text, voice.language)
        recorded = self._recorded.get(said, voice.language)
        if recorded is not None:
            return recorded
        for engine in self._engines:
            audio = engine.cached(said, voice)
            if audio is not None:
                return audio
        return None

    async def prerender(
        self, wanted: Iterable[tuple[str, Voice]], made: Callable[[], None] = lambda: None
    ) -> int:
        """Make these texts ahead of time, a few at once, with the first engine that is well;
        returns how many could not be made. `made` is called after each.
        """
        self._wanted = tuple(dict.fromkeys(wanted))
        return await self._render(self._wanted, made)

    async def close(self) -> None:
        """See `Synthesiser.close`; lets the disk finish."""
        if self._catching_up is not None:
            self._catching_up.cancel()
            await asyncio.gather(self._catching_up, return_exceptions=True)
        for engine in self._engines:
            await engine.close()
        await self._store.close()

    async def _render(
        self, wanted: Iterable[tuple[str, Voice]], made: Callable[[], None] = lambda: None
    ) -> int:
        waiting = iter(wanted)
        failed = 0

        async def render() -> None:
            nonlocal failed
            for text, voice in waiting:
                # Callers go first: an engine speaks one text at a time.
                await self._nobody_waits.wait()
                try:
                    await self._whole(text, voice)
                except SynthesisFailed as failure:
                    failed += 1
                    _log.warning("prompt_not_rendered", text=text, reason=failure.what)
                made()

        slow = any(engine.by_clause and not engine.resting for engine in self._engines)
        async with asyncio.TaskGroup() as group:
            for _ in range(1 if slow else _AT_ONCE):
                group.create_task(render())
        return failed

    def _back(self) -> None:
        """An engine is well again: make with it what has been said without it meanwhile."""
        if self._catching_up is None or self._catching_up.done():
            self._catching_up = asyncio.create_task(self._render(self._wanted))

    async def _whole(self, text: str, voice: Voice) -> None:
        said = spoken_form(text, voice.language)
        if self._recorded.get(said, voice.language) is not None:
            return
        failure: SynthesisFailed | None = None
        for engine in self._able(voice):
            try:
                await engine.speak(said, voice)
            except SynthesisFailed as why:
                failure = why
            else:
                return
        raise failure or _nobody(voice)

    async def _stream(
        self, text: str, voice: Voice, *, patience_s: float | None
    ) -> AsyncIterator[Audio]:
        rest = spoken_form(text, voice.language)
        whole = self._recorded.get(rest, voice.language)
        if whole is not None:
            yield whole
            return
        loop = asyncio.get_running_loop()
        heard_until = loop.time()
        failure: SynthesisFailed | None = None
        engines = self._able(voice)
        for place, engine in enumerate(engines):
            last = place == len(engines) - 1
            try:
                async for audio, still in self._pieces_of(
                    engine, rest, voice, None if last else patience_s, heard_until
                ):
                    rest = still
                    heard_until = max(heard_until, loop.time()) + audio.duration_ms / 1000
                    yield audio
            except SynthesisFailed as why:
                failure = why
            else:
                return
        raise failure or _nobody(voice)

    async def _pieces_of(
        self,
        engine: ChainedEngine,
        text: str,
        voice: Voice,
        patience_s: float | None,
        heard_until: float,
    ) -> AsyncIterator[tuple[Audio, str]]:
        """The sound of each piece of `text`, with the text that is still to come. Raises
        SynthesisFailed; also where a piece is not there when nothing has been heard for
        `patience_s`."""
        whole = await engine.find(text, voice)
        if whole is not None:
            yield whole, ""
            return
        loop = asyncio.get_running_loop()
        cutter = self._cutters.get(primary(voice.language)) or _CLAUSES_ONLY
        pieces = cutter.cut(text, clauses=engine.by_clause)
        if not engine.by_clause and not any(
            self._recorded.get(piece.text, voice.language) for piece in pieces
        ):
            # A fast engine has the whole sentence sooner than a joint could be hidden.
            yield await engine.speak(text, voice), ""
            return
        for place, piece in enumerate(pieces):
            audio = self._recorded.get(piece.text, voice.language)
            if audio is None:
                wait_s = None
                if patience_s is not None:
                    wait_s = max(heard_until - loop.time(), 0) + patience_s
                audio = await engine.speak(piece.spoken, voice, wait_s=wait_s)
            heard_until = max(heard_until, loop.time()) + audio.duration_ms / 1000
            yield audio, " ".join(each.text for each in pieces[place + 1 :])

    def _able(self, voice: Voice) -> list[ChainedEngine]:
        """The engines that speak the language, in order; those that rest only if there is no
        other."""
        able = [engine for engine in self._engines if engine.speaks(voice.language)]
        return [engine for engine in able if not engine.resting] or able


_CLAUSES_ONLY = Cutter()


def _nobody(voice: Voice) -> SynthesisFailed:
    return NotSpoken(
        f"No speech engine here speaks {voice.language!r}.",
        remedy="See `ivrctl tts list`, and docs/speech.md on the order of engines.",
    )
