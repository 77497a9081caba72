"""An attended transfer: the caller hears music while an agent hears who rings, and decides."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import structlog

from ivr.audio.format import Audio
from ivr.clock import Clock
from ivr.conversation.consulting import Consulting, ConsultRules, Outcome
from ivr.conversation.hold import HoldMusic
from ivr.conversation.speaker import Speaker
from ivr.dialogue.actions import Say
from ivr.telephony.call import Call, CallEnding
from ivr.telephony.consultation import AgentUnavailable, Consultation

TICK_S = 0.1

_log = structlog.get_logger()

Happened = Callable[[Consulting], bool]


class SpeakerMaker(Protocol):
    """Makes the voice that speaks to the agent."""

    def __call__(self, call: Call, *, on_silent: Callable[[], None]) -> Speaker:
        """Return a speaker on the agent's leg; `on_silent` when all that was said was heard."""
        ...


class AgentEar:
    """The agent's leg as far as it is heard: a `CallListener` that takes keys and the end."""

    def __init__(self, call: Call, happened: Callable[[Happened], None]) -> None:
        self._happened = happened
        self.speaker: Speaker | None = None
        call.attach(self)

    def audio_received(self, frame: bytes) -> None:
        """See `CallListener`: agents decide by keys."""

    def digit_received(self, digit: str) -> None:
        """See `CallListener`."""
        self._happened(lambda consulting: consulting.key(digit))

    def played(self, mark: int) -> None:
        """See `CallListener`."""
        if self.speaker is not None:
            self.speaker.played(mark)

    def ended(self, ending: CallEnding) -> None:
        """See `CallListener`."""
        self._happened(Consulting.left)


class AttendedTransfer:
    """Asks one agent about one caller. `says` is what the agent hears: summary and question."""

    def __init__(
        self,
        caller: Call,
        *,
        says: tuple[Say, ...],
        music: Audio,
        speaker: SpeakerMaker,
        clock: Clock,
        rules: ConsultRules | None = None,
    ) -> None:
        self._caller = caller
        self._says = says
        self._hold = HoldMusic(caller, music)
        self._make_speaker = speaker
        self._clock = clock
        self._rules = rules or ConsultRules()
        self._events: asyncio.Queue[Happened] = asyncio.Queue()
        self._ear: AgentEar | None = None
        self._consultation: Consultation | None = None

    def played(self, mark: int) -> bool:
        """Take the caller's line's word that a sound has left; whether it was our music."""
        return self._hold.played(mark)

    async def ask(self, destination: str, ring_s: float) -> Outcome:
        """Ring the agent and have them decide, while the caller hears music.

        Raises TransferFailed when the switch cannot ring them. Call `close` afterwards.
        """
        self._hold.start()
        consulting = Consulting(ring_s * 1000, self._now_ms(), self._rules)
        self._consultation = await self._caller.consult(
            destination, ring_s=ring_s, on_agent=self._take
        )
        answering = asyncio.create_task(self._answered(self._consultation))
        try:
            while consulting.outcome is None:
                happened = await self._next()
                if happened(consulting):
                    self._put_question()
        finally:
            answering.cancel()
            with suppress(asyncio.CancelledError):
                await answering
        return consulting.outcome

    async def connect(self, *, returns: bool) -> None:
        """Let caller and agent talk, who said yes. Raises TransferFailed: the caller stays."""
        assert self._consultation is not None
        self._silence_agent()
        await self._consultation.bridge(returns=returns)

    async def close(self) -> None:
        """Let go of the agent, where they were not connected, and stop the music."""
        self._hold.stop()
        self._silence_agent()
        if self._consultation is not None:
            await self._consultation.close()

    def _silence_agent(self) -> None:
        if self._ear is not None and self._ear.speaker is not None:
            self._ear.speaker.close()

    def _take(self, leg: Call) -> None:
        self._ear = AgentEar(leg, self._events.put_nowait)
        self._ear.speaker = self._make_speaker(leg, on_silent=self._question_heard)

    async def _answered(self, consultation: Consultation) -> None:
        try:
            await consultation.answered()
        except AgentUnavailable as nobody:
            _log.info("agent_unavailable", cause=nobody.cause)
            self._events.put_nowait(Consulting.unavailable)
        else:
            self._events.put_nowait(Consulting.picked_up)

    async def _next(self) -> Happened:
        try:
            async with asyncio.timeout(TICK_S):
                return await self._events.get()
        except TimeoutError:
            now = self._now_ms()
            return lambda consulting: consulting.tick(now)

    def _put_question(self) -> None:
        if self._ear is not None and self._ear.speaker is not None:
            self._ear.speaker.interrupt()
            self._ear.speaker.say(self._says)

    def _question_heard(self) -> None:
        now = self._now_ms()
        self._events.put_nowait(lambda consulting: consulting.heard(now))

    def _now_ms(self) -> float:
        return self._clock.monotonic() * 1000
