"""The worker's voice in one call: what is to be said, made into sound in order and queued on the
line, interruptible at any moment."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import structlog

from ivr.audio.format import Audio
from ivr.conversation.clauses import clauses, plainer
from ivr.dialogue.actions import Say
from ivr.speech.recordings import Recordings
from ivr.speech.synthesis.synthesiser import StreamingSynthesiser, SynthesisFailed, Voice
from ivr.telephony.call import Call

_FILLER_AFTER_S = 0.7
"""Silence of ours after which the recorded "one moment" is played."""
_FILLER_AGAIN_S = 1.4
"""The same after it has been played once: nobody waits in silence for 2 s."""
_FILLER_POLL_S = 0.1
_GIVE_UP_AFTER_S = 8.0
"""Time in which a sentence must be made; afterwards the recorded apology stands for it."""
_RETRY_S = 0.1
_SOON_MS = 1_500
"""The last words of a question: whoever answers into them has understood it."""
_SLOWER = 0.75
"""How fast a caller who asked for it is spoken to."""

_log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class _Clause:
    say: Say
    text: str
    last: bool = True
    """Whether the sentence is the last of what is said."""
    whole: bool = True
    """Whether all up to it could be made into sound."""


def _nobody_hears(*_: Say) -> None:
    """Whom a speaker that has stopped tells. Not to know its owner any more is what lets the two
    go at once, and not by a search for garbage that holds up every call."""


class Speaker:
    """Speaks on one call. `on_sound(say)` is called when a sentence's sound is queued on the
    line, `on_heard(say)` when it has been heard to its end as it was written, `on_silent()` when
    all that was to be said has been heard."""

    def __init__(
        self,
        call: Call,
        synthesiser: StreamingSynthesiser,
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
        self._preparing: set[asyncio.Future[None]] = set()
        self._silent = asyncio.Event()
        self._silent.set()

    @property
    def speaking(self) -> bool:
        """Whether anything is still to be said or heard."""
        return not self._silent.is_set()

    @property
    def has_all_but_finished(self) -> bool:
        """Whether all that is still to be heard is on the line, and soon over."""
        return not self._waiting and self._call.pending_ms <= _SOON_MS

    def prepare(self, says: Sequence[Say]) -> None:
        """Have the beginning of what may be said made into sound, in case it is."""
        for say in says[:1]:
            for text in clauses(say.text)[:1]:
                making = asyncio.ensure_future(self._prepared(_Clause(say, text)))
                self._preparing.add(making)
                making.add_done_callback(self._preparing.discard)

    async def _prepared(self, clause: _Clause) -> None:
        with suppress(Exception):
            await self._synthesiser.synthesise(clause.text, self._voice_of(clause.say))

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
        if clause is not None and clause.last and clause.whole and not self._still_to_come(clause):
            self._on_heard(clause.say)
        self._settle()

    def _still_to_come(self, clause: _Clause) -> bool:
        """Whether a piece of the clause is still on the line or to be made."""
        return any(each is clause for each in (*self._on_line.values(), *self._waiting))

    def interrupt(self) -> list[Say]:
        """Fall silent at once; returns what had not been heard to its end, to say again."""
        self._call.clear()
        # A clause whose pieces are partly on the line and partly to be made is one.
        on_line = [clause for clause in self._on_line.values() if clause]
        unheard = {id(clause): clause for clause in (*on_line, *self._waiting)}.values()
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
        """Stop for good, and tell nobody any more."""
        self._on_sound, self._on_silent = _nobody_hears, _nobody_hears
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
            clause.whole = clause.say is not broken
            made = await self._speak(clause)
            self._waiting.popleft()
            if not made:
                broken, clause.whole = clause.say, False
                if not apologised:
                    # Once for all the sentences in a row that cannot be made.
                    apology = self._recordings.get("apology", clause.say.language)
                    self._queue(apology, clause, clause.say)
            apologised = not made
        self._maker = None
        self._settle()

    async def _speak(self, clause: _Clause) -> bool:
        """Queue the clause's sound, piece by piece as it is made; False when it cannot be made."""
        pieces = self._tried(clause)
        try:
            first = True
            while (audio := await self._or_filler(pieces, clause)) is not None:
                self._queue(audio, clause, clause.say if first else None)
                first = False
        except SynthesisFailed:
            return False
        except Exception:  # noqa: BLE001 - whatever it is, the caller must not hear silence
            _log.exception("synthesis_broken")
            self._on_failure()
            return False
        return True

    async def _tried(self, clause: _Clause) -> AsyncIterator[Audio]:
        """The pieces of a clause, tried again and again as long as there is time, in simpler text
        after the first failure. Raises SynthesisFailed."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + _GIVE_UP_AFTER_S
        text = clause.text
        while True:
            try:
                async for audio in self._synthesiser.stream(text, self._voice_of(clause.say)):
                    yield audio
            except SynthesisFailed as failure:
                _log.warning("synthesis_failed", reason=str(failure))
                self._on_failure()
                if loop.time() >= give_up:
                    raise
                text = plainer(clause.text) or clause.text
            else:
                return
            await asyncio.sleep(_RETRY_S)

    async def _or_filler(self, pieces: AsyncIterator[Audio], clause: _Clause) -> Audio | None:
        """The next piece of a clause, None behind the last; a filler is played while it is
        waited for in silence."""
        loop = asyncio.get_running_loop()
        silent_since, patience = loop.time(), _FILLER_AFTER_S
        making = asyncio.ensure_future(anext(pieces, None))
        try:
            while not making.done():
                await asyncio.wait({making}, timeout=_FILLER_POLL_S)
                if self._on_line:
                    silent_since = loop.time()
                elif not making.done() and loop.time() - silent_since >= patience:
                    _log.warning("synthesis_slow", text_length=len(clause.text))
                    moment = self._recordings.get("moment", clause.say.language)
                    self._queue(moment, None, clause.say)
                    patience = _FILLER_AGAIN_S
        except asyncio.CancelledError:
            making.cancel()
            raise
        return making.result()

    def _voice_of(self, say: Say) -> Voice:
        voice = self._voice(say.language)
        return replace(voice, rate=int(voice.rate * _SLOWER)) if say.slow else voice

    def _queue(self, audio: Audio, clause: _Clause | None, said: Say | None = None) -> None:
        mark, self._next_mark = self._next_mark, self._next_mark + 1
        self._on_line[mark] = clause
        if said is not None:
            self._on_sound(said)
        self._call.play(audio, mark=mark)

    def _settle(self) -> None:
        if self._on_line or self._waiting or self._silent.is_set():
            return
        self._silent.set()
        self._on_silent()
