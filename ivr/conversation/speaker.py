"""The worker's voice in one call: what is to be said, made into sound in order and queued on the
line, interruptible at any moment."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from ivr.audio.format import Audio
from ivr.conversation.clauses import clauses
from ivr.dialogue.actions import Say
from ivr.speech.recordings import Recordings
from ivr.speech.synthesis.synthesiser import Synthesiser, SynthesisFailed, Voice
from ivr.telephony.call import Call

_FILLER_AFTER_S = 0.7
"""Silence of ours after which the recorded "one moment" is played."""
_FILLER_AGAIN_S = 1.4
"""The same after it has been played once: nobody waits in silence for 2 s."""
_FILLER_POLL_S = 0.1
_GIVE_UP_AFTER_S = 8.0
"""Time in which a sentence must be made; afterwards the recorded apology stands for it."""
_RETRY_S = 0.1
_SLOWER = 0.75
"""How fast a caller who asked for it is spoken to."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Clause:
    say: Say
    text: str
    last: bool = True
    """Whether the sentence is the last of what is said."""
    whole: bool = True
    """Whether all up to it could be made into sound."""


class Speaker:
    """Speaks on one call. `on_sound(say)` is called when a sentence's sound is queued on the
    line, `on_heard(say)` when it has been heard to its end as it was written, `on_silent()` when
    all that was to be said has been heard."""

    def __init__(
        self,
        call: Call,
        synthesiser: Synthesiser,
        voice: Callable[[str], Voice],
        recordings: Recordings,
        *,
        on_sound: Callable[[Say], None],
        on_silent: Callable[[], None],
        on_failure: Callable[[], None],
        on_heard: Callable[[Say], None] = lambda _: None,
    ) -> None:
        self._call = call
        self._synthesiser = synthesiser
        self._voice = voice
        self._recordings = recordings
        self._on_sound = on_sound
        self._on_silent = on_silent
        self._on_failure = on_failure
        self._on_heard = on_heard
        self._waiting: deque[_Clause] = deque()
        self._on_line: dict[int, _Clause | None] = {}
        self._next_mark = 1
        self._maker: asyncio.Task[None] | None = None
        self._silent = asyncio.Event()
        self._silent.set()

    @property
    def speaking(self) -> bool:
        """Whether anything is still to be said or heard."""
        return not self._silent.is_set()

    def say(self, says: Sequence[Say]) -> None:
        """Say these behind what is being said."""
        for say in says:
            texts = clauses(say.text)
            self._waiting.extend(
                _Clause(say, text, last=place == len(texts)) for place, text in enumerate(texts, 1)
            )
        if not self._waiting:
            return
        self._silent.clear()
        if self._maker is None or self._maker.done():
            self._maker = asyncio.create_task(self._make())

    def played(self, mark: int) -> None:
        """Take the line's word that a sound has left."""
        clause = self._on_line.pop(mark, None)
        if clause is not None and clause.last and clause.whole:
            self._on_heard(clause.say)
        self._settle()

    def interrupt(self) -> list[Say]:
        """Fall silent at once; returns what had not been heard to its end, to say again."""
        self._call.clear()
        unheard = [clause for clause in self._on_line.values() if clause] + list(self._waiting)
        self._on_line.clear()
        self._waiting.clear()
        if self._maker is not None:
            self._maker.cancel()
            self._maker = None
        self._silent.set()
        return [replace(clause.say, text=clause.text) for clause in unheard]

    async def finished(self) -> None:
        """Wait until everything has been heard."""
        await self._silent.wait()

    def close(self) -> None:
        """Stop for good."""
        self._waiting.clear()
        if self._maker is not None:
            self._maker.cancel()
            self._maker = None
        self._silent.set()

    async def _make(self) -> None:
        apologised = False
        broken: Say | None = None
        while self._waiting:
            clause = self._waiting[0]
            making = asyncio.ensure_future(self._sound_of(clause))
            try:
                audio = await self._or_filler(making, clause)
            except asyncio.CancelledError:
                making.cancel()
                raise
            self._waiting.popleft()
            if audio is None:
                broken = clause.say
            if clause.say is broken:
                clause = replace(clause, whole=False)
            if audio is not None:
                self._queue(audio, clause)
            elif not apologised:
                # Once for all the sentences in a row that cannot be made.
                self._queue(self._recordings.get("apology", clause.say.language), clause)
            apologised = audio is None
        self._maker = None
        self._settle()

    async def _or_filler(
        self, making: asyncio.Future[Audio | None], clause: _Clause
    ) -> Audio | None:
        loop = asyncio.get_running_loop()
        silent_since, patience = loop.time(), _FILLER_AFTER_S
        while not making.done():
            await asyncio.wait({making}, timeout=_FILLER_POLL_S)
            if self._on_line:
                silent_since = loop.time()
            elif not making.done() and loop.time() - silent_since >= patience:
                _log.warning("synthesis_slow", text_length=len(clause.text))
                self._queue(self._recordings.get("moment", clause.say.language), None, clause.say)
                patience = _FILLER_AGAIN_S
        return await making

    async def _sound_of(self, clause: _Clause) -> Audio | None:
        """The clause as sound; None when it cannot be made."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + _GIVE_UP_AFTER_S
        while True:
            try:
                return await self._synthesiser.synthesise(clause.text, self._voice_of(clause.say))
            except SynthesisFailed as failure:
                _log.warning("synthesis_failed", reason=str(failure))
                self._on_failure()
                if loop.time() >= give_up:
                    return None
            except Exception:  # noqa: BLE001 - whatever it is, the caller must not hear silence
                _log.exception("synthesis_broken")
                self._on_failure()
                return None
            await asyncio.sleep(_RETRY_S)

    def _voice_of(self, say: Say) -> Voice:
        voice = self._voice(say.language)
        return replace(voice, rate=int(voice.rate * _SLOWER)) if say.slow else voice

    def _queue(self, audio: Audio, clause: _Clause | None, say: Say | None = None) -> None:
        mark, self._next_mark = self._next_mark, self._next_mark + 1
        self._on_line[mark] = clause
        said = clause.say if clause else say
        if said is not None:
            self._on_sound(said)
        self._call.play(audio, mark=mark)

    def _settle(self) -> None:
        if self._on_line or self._waiting or self._silent.is_set():
            return
        self._silent.set()
        self._on_silent()
