"""Who has the floor on one call: what comes from the line, the turns that are made of it, and the
bot's voice, which gives way to the caller."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from ivr.conversation.ears import Ears
from ivr.conversation.leaving import Leaving
from ivr.conversation.line_meter import LineMeter
from ivr.conversation.messages import MessageTaker
from ivr.conversation.recorder import CallRecorder
from ivr.conversation.records import CallLog
from ivr.conversation.services import Services
from ivr.conversation.speaker import Speaker
from ivr.conversation.standing import Standing
from ivr.conversation.states import ConversationState, Whereabouts
from ivr.conversation.turns import (
    BargedIn,
    BotPaused,
    BotReleased,
    KeysEntered,
    SpeechBegan,
    SpeechDropped,
    SpeechEnded,
    SpeechPaused,
    StayedSilent,
    TakenBack,
    TurnEvent,
    TurnTaker,
)
from ivr.conversation.understanding import Understanding
from ivr.conversation.waterfall import Waterfall
from ivr.dialogue.actions import Expectation, Say
from ivr.dialogue.inputs import Input, LineQuality
from ivr.telephony.call import Call, CallEnding


def _is_known(_: CallEnding) -> None:
    """Whom a floor tells whose call has ended; see `Speaker.close`."""


class Floor:
    """The floor of one call, as its `CallListener`. `on_ended` is told when the line is gone."""

    def __init__(
        self,
        call: Call,
        services: Services,
        standing: Standing,
        whereabouts: Whereabouts,
        log: CallLog,
        *,
        leaving: Leaving,
        recorder: CallRecorder,
        messages: MessageTaker,
        on_ended: Callable[[CallEnding], None],
    ) -> None:
        self._call = call
        self._clock = services.clock
        self._ticks = services.ticks
        self._silence = call.format.silence
        self._resting = False
        """Whether more silence would change nothing, unless somebody else wants to hear it."""
        self._rungs = len(services.rules.silence_rungs_ms)
        self._standing = standing
        self._whereabouts = whereabouts
        self._log = log
        self._leaving = leaving
        self._recorder = recorder
        self._messages = messages
        self._on_ended = on_ended
        waterfall, clock = Waterfall(), services.clock

        def mark(stage: str) -> None:
            waterfall.mark(stage, clock.monotonic() * 1000)

        self._waterfall = waterfall
        self.mark = mark
        """A stage of the answer under way is done: see `Waterfall`."""
        self._turns = TurnTaker(services.rules, frame_ms=call.format.ptime_ms)
        self._ears = Ears(services.recogniser, call.format)
        self._line = LineMeter(call.format)
        self._speaker = Speaker(
            call,
            services.synthesiser,
            services.voice,
            services.recordings,
            on_sound=self._bot_sounds,
            on_silent=self._bot_silent,
            on_failure=services.metrics.synthesis_failed,
            on_heard=recorder.heard,
        )
        self._understanding = Understanding(
            self._ears,
            self._turns,
            services.interpreter,
            whereabouts,
            log,
            endings=services.endings,
            mark=mark,
            step=standing.step,
            prepare=self._speaker.prepare,
        )
        self.foreseen = self._understanding.foreseen
        """See `Understanding.foreseen`."""
        self._happened: asyncio.Queue[TurnEvent] = asyncio.Queue()
        self._caller_end_ms: float | None = None
        self._answering: tuple[str, float | None] | None = None
        self._looking: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Listen to the line from now on."""
        self._call.attach(self)
        self._ticks.subscribe(self._tick)

    def close(self) -> None:
        """Neither listen nor speak any more."""
        self._ticks.unsubscribe(self._tick)
        if self._looking is not None:
            self._looking.cancel()
        self._ears.abandon()
        self._speaker.close()

    # What the line tells.

    def audio_received(self, frame: bytes) -> None:
        """See `CallListener`."""
        recorder, messages, ears = self._recorder, self._messages, self._ears
        if (
            self._resting
            and frame == self._silence
            and not recorder.running
            and not messages.taking
        ):
            ears.rested += 1
            return
        turns, line = self._turns, self._line
        recorder.caller(frame)
        speech = ears.hear(frame)
        if messages.taking:
            messages.frame(frame, speech=speech)
        if not (speech or turns.hears_speech or line.hears_speech):
            self._resting = ears.rests
            return
        now_ms = self._now_ms()
        if speech or line.hears_speech:
            line.feed(
                frame,
                speech=speech,
                level_dbfs=ears.level_dbfs,
                noise_dbfs=ears.noise_dbfs,
                now_ms=now_ms,
            )
        self._resting = False
        if not (speech or turns.hears_speech):
            return
        into_bot = speech and turns.bot_speaking
        events = turns.frame(
            speech,
            now_ms,
            began_ms_ago=ears.began_ms_ago,
            doubtful=into_bot and ears.doubtful(self._call.played_dbfs),
            stirs=not speech and ears.stirs,
        )
        for event in events:
            self._on(event)

    def digit_received(self, digit: str) -> None:
        """See `CallListener`."""
        self._messages.key()
        for event in self._turns.key(digit, self._now_ms()):
            self._on(event)

    def played(self, mark: int) -> None:
        """See `CallListener`."""
        with self._log.bound():
            if not self._leaving.played(mark) and not self._messages.played(mark):
                self._speaker.played(mark)

    def ended(self, ending: CallEnding) -> None:
        """See `CallListener`."""
        on_ended, self._on_ended = self._on_ended, _is_known
        on_ended(ending)
        self._speaker.close()

    # What the dialogue asks for.

    async def listen(self, expect: Expectation) -> Input:
        """Let the caller speak or key, and return what it means to the dialogue."""
        standing = self._standing
        standing.expect = expect
        while True:
            self._turns.listen(expect, self._now_ms())
            event = await self._happened.get()
            asked = standing.asked(joins=isinstance(event, SpeechEnded) and event.joins)
            heard = await self._understanding.of(
                event, asked.expect, asked.state, unheard=asked.unheard
            )
            if heard is not None:
                if isinstance(event, SpeechEnded | KeysEntered):
                    self._caller_end_ms = event.end_ms
                standing.answered(asked)
                return heard
            if again := standing.not_answered():
                self._say(again)

    def answer(self, says: Sequence[Say]) -> None:
        """Say the bot's turn."""
        self._answering = (" ".join(say.text for say in says), self._caller_end_ms)
        self._caller_end_ms = None
        self._say(says)

    def settle(self) -> None:
        """Something was done that cannot be undone: the caller's turn is not taken back."""
        self._turns.settle()

    async def said(self) -> None:
        """Wait until the caller has heard all."""
        await self._speaker.finished()

    def take(self) -> None:
        """Let the caller's pauses and sounds decide nothing, until they are listened to again."""
        self._turns.take_floor()
        self._call.resume()

    def hush(self) -> None:
        """Take the floor, and stop in mid-word."""
        self.take()
        self._speaker.interrupt()

    def end_politely(self) -> None:
        """As if the caller had been silent for as long as anybody waits."""
        self.take()
        self._happened.put_nowait(StayedSilent(self._rungs))

    def quality(self) -> LineQuality:
        """How the caller's line sounds."""
        return self._line.quality()

    # What follows from it.

    def _now_ms(self) -> float:
        return self._clock.monotonic() * 1000

    def _tick(self) -> None:
        if self._messages.taking:
            self._messages.tick()
        for event in self._turns.tick(self._now_ms()):
            self._on(event)

    def _on(self, event: TurnEvent) -> None:
        with self._log.bound():
            self._react(event)

    def _react(self, event: TurnEvent) -> None:
        match event:
            case SpeechBegan(onset_ms, joins):
                asked = self._standing.asked(joins=joins)
                self._ears.open(
                    asked.state.language,
                    asked.expect.phrases,
                    self._now_ms() - onset_ms,
                    others=asked.expect.languages,
                    joins=joins,
                )
            case BotPaused():
                self._call.pause()
                self._log.paused()
            case BotReleased():
                self._call.resume()
                self._log.released()
            case BargedIn():
                self._standing.unheard = self._speaker.interrupt()
                self._log.interrupted()
            case TakenBack():
                self._standing.unheard = self._speaker.interrupt()
                self._log.taken_back()
            case SpeechPaused(joins):
                self._looking = asyncio.create_task(self._look(joins=joins))
            case SpeechDropped():
                self._ears.abandon()
            case SpeechEnded() | KeysEntered() | StayedSilent():
                if not isinstance(event, StayedSilent):
                    self._waterfall.begin(event.end_ms)
                    self.mark("endpoint")
                self.take()
                self._happened.put_nowait(event)

    async def _look(self, *, joins: bool) -> None:
        asked = self._standing.asked(joins=joins)
        late = self._speaker.has_all_but_finished
        look = await self._understanding.look(asked.state, unheard=asked.unheard, late=late)
        if look is not None:
            for event in self._turns.looked(look, self._now_ms()):
                self._on(event)

    def _say(self, says: Sequence[Say]) -> None:
        # From here on it is the bot's turn, also while its first sound is still being made.
        self._turns.bot_began(interruptible=says[0].interruptible)
        self._speaker.say(says)

    def _bot_sounds(self, say: Say) -> None:
        now_ms = self._now_ms()
        self._turns.bot_began(interruptible=say.interruptible, now_ms=now_ms)
        answer, self._answering = self._answering, None
        if answer is not None:
            text, asked_ms = answer
            gap_ms = None if asked_ms is None else now_ms - asked_ms
            self.mark("synthesis")
            self._log.bot_speaks(text, self._standing.state, gap_ms, self._waterfall.take())

    def _bot_silent(self) -> None:
        self._turns.bot_fell_silent(self._now_ms())
        if self._turns.expect is not None:
            self._whereabouts.go(ConversationState.LISTENING)
