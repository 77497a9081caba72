"""The turn loop of a spoken call: it listens, decides when the caller has finished, lets the
dialogue decide what to say, speaks, and can be interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from uuid import uuid4

import structlog

from ivr.conversation.attended import AttendedTransfer
from ivr.conversation.consulting import Outcome
from ivr.conversation.ears import Ears
from ivr.conversation.keeper import SessionKeeper
from ivr.conversation.records import CallLog
from ivr.conversation.services import Services
from ivr.conversation.speaker import Speaker
from ivr.conversation.states import ConversationState, may_follow
from ivr.conversation.turns import (
    BargedIn,
    KeysEntered,
    SpeechBegan,
    SpeechDropped,
    SpeechEnded,
    SpeechPaused,
    StayedSilent,
    TurnEvent,
    TurnTaker,
)
from ivr.dialogue.actions import (
    Action,
    CallApi,
    Consult,
    Expectation,
    HangUp,
    Listen,
    RecordMessage,
    Say,
    TransferTo,
)
from ivr.dialogue.executor import begin, step
from ivr.dialogue.inputs import (
    ApiReplied,
    Input,
    Keyed,
    MessageRecorded,
    Resumed,
    Returned,
    Said,
    Silence,
    Started,
    TransferRefused,
)
from ivr.dialogue.state import DialogueState
from ivr.nlu.interpreter import Interpretation
from ivr.storage.session import Session, SessionFenced
from ivr.telephony.call import Bridged, Call, CallEnding, EndedBy, TransferFailed

TICK_S = 0.1
"""How often time passes for the rules when no frame comes."""
_NOISE_MS = 300
"""Speech shorter than this in which no word was made out was a noise."""
_COUGH_MS = 1200
"""The same for what interrupted us: we go on speaking rather than ask what was said."""
_UNDERSTOOD = 0.85
"""Confidence from which words make sense as they are, and need no more to come."""
_BRIDGED = "bridged"
"""The verdict of a session that is not finished while its caller talks to an agent."""
_MOST_TAKEOVERS = 6
"""Workers that may have died under one call before it is led to an agent."""

_log = structlog.get_logger()


class VoiceConversation:
    """One call, from the switch's hand-over to its end. A `CallListener`."""

    def __init__(self, call: Call, services: Services) -> None:
        self._call = call
        self._services = services
        self._clock = services.clock
        self._turns = TurnTaker(services.rules, frame_ms=call.format.ptime_ms)
        self._ears = Ears(services.recogniser, call.format, self._turns.partial)
        self._speaker = Speaker(
            call,
            services.synthesiser,
            services.voice,
            services.recordings,
            on_sound=self._bot_sounds,
            on_silent=self._bot_silent,
            on_failure=services.metrics.synthesis_failed,
        )
        self._log = CallLog(call, services)
        self._state: DialogueState = begin(services.flow)
        self._where = ConversationState.CALL_INITIATED
        self._keeper = SessionKeeper(call.id, services.flow, services.sessions)
        self._expect: Expectation | None = None
        self._happened: asyncio.Queue[TurnEvent] = asyncio.Queue()
        self._unheard: list[Say] = []
        self._caller_end_ms: float | None = None
        self._answering: _Answer | None = None
        self._ending: CallEnding | None = None
        self._attended: AttendedTransfer | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._too_long: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._peeking: asyncio.Task[None] | None = None

    def start(self) -> asyncio.Task[None]:
        """Begin; the task ends when the call is over and its records are written."""
        self._call.attach(self)
        loop = asyncio.get_running_loop()
        with self._log.bound():
            self._timer = loop.call_later(TICK_S, self._tick)
            self._too_long = loop.call_later(self._services.longest_call_s, self._end_politely)
            self._task = loop.create_task(self._run(), name=f"call {self._call.id}")
        return self._task

    # The listener: what the line tells us.

    def audio_received(self, frame: bytes) -> None:
        """See `CallListener`."""
        speech = self._ears.hear(frame)
        for event in self._turns.frame(speech, self._now_ms()):
            self._on(event)

    def digit_received(self, digit: str) -> None:
        """See `CallListener`."""
        for event in self._turns.key(digit, self._now_ms()):
            self._on(event)

    def played(self, mark: int) -> None:
        """See `CallListener`."""
        with self._log.bound():
            if self._attended is None or not self._attended.played(mark):
                self._speaker.played(mark)

    def ended(self, ending: CallEnding) -> None:
        """See `CallListener`."""
        self._ending = ending
        task = self._task
        # Where the loop itself lets the call go, it still has the end to write down.
        leaving = self._where is ConversationState.TERMINATING or task is asyncio.current_task()
        if task is not None and not leaving:
            task.cancel()
        self._speaker.close()

    # What follows from it.

    def _now_ms(self) -> float:
        return self._clock.monotonic() * 1000

    def _tick(self) -> None:
        for event in self._turns.tick(self._now_ms()):
            self._on(event)
        self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def _on(self, event: TurnEvent) -> None:
        with self._log.bound():
            self._react(event)

    def _react(self, event: TurnEvent) -> None:
        match event:
            case SpeechBegan(onset_ms):
                expect = self._expect
                if expect is not None:
                    ago = self._now_ms() - onset_ms
                    self._ears.open(self._state.language, expect.phrases, ago)
            case BargedIn():
                self._unheard = self._speaker.interrupt()
                self._log.interrupted()
            case SpeechPaused():
                self._peeking = asyncio.create_task(self._peek())
            case SpeechDropped():
                self._ears.abandon()
            case SpeechEnded() | KeysEntered() | StayedSilent():
                self._turns.take_floor()
                self._happened.put_nowait(event)

    async def _peek(self) -> None:
        """Look at the words so far, so that what is complete need not wait for long silence."""
        words = await self._ears.peek()
        if words is None or not words.text:
            return
        meaning = await self._services.interpreter.interpret(words.text, self._state.language)
        self._turns.partial(words.text, understood=meaning.confidence >= _UNDERSTOOD)

    def _bot_sounds(self, say: Say) -> None:
        self._turns.bot_began(interruptible=say.interruptible)
        answer, self._answering = self._answering, None
        if answer is not None:
            gap = None if answer.asked_ms is None else self._now_ms() - answer.asked_ms
            self._log.bot_speaks(answer.text, self._state, gap)

    def _bot_silent(self) -> None:
        self._turns.bot_fell_silent(self._now_ms())
        if self._turns.expect is not None:
            self._go(ConversationState.LISTENING)

    def _end_politely(self) -> None:
        self._turns.take_floor()
        self._happened.put_nowait(StayedSilent(len(self._services.rules.silence_rungs_ms)))

    def _go(self, where: ConversationState) -> None:
        if where is self._where:
            return
        if not may_follow(self._where, where):
            _log.error("state_out_of_order", before=self._where.value, after=where.value)
        self._where = where
        self._log.state(where)

    # The loop.

    async def _run(self) -> None:
        log = self._log
        try:
            await self._converse()
        except asyncio.CancelledError:
            if self._ending is None:
                raise
        except SessionFenced:
            _log.warning("fenced", epoch=self._keeper.epoch)
            log.fenced = True
            self._call.drop()
        except Exception:  # noqa: BLE001 - whatever it is, the caller must not hear silence
            _log.exception("conversation_failed")
            await self._fail()
        finally:
            self._close()
            if self._ending is not None and not log.fenced:
                log.fenced = await self._keeper.is_anothers()
            log.finished(self._ending, self._state)

    def _close(self) -> None:
        for timer in (self._timer, self._too_long):
            if timer is not None:
                timer.cancel()
        if self._peeking is not None:
            self._peeking.cancel()
        self._ears.abandon()
        self._speaker.close()

    async def _fail(self) -> None:
        """Something of ours is broken: apologise, then let another worker have the call."""
        self._go(ConversationState.ERROR)
        self._turns.take_floor()
        self._speaker.interrupt()
        apology = self._services.recordings.get("apology", self._state.language)
        self._call.play(apology, mark=0)
        await asyncio.sleep(apology.duration_ms / 1000 + 0.1)
        self._call.drop()

    async def _converse(self) -> None:
        flow = self._services.flow
        what = await self._first_input()
        if what is None:
            return
        while self._ending is None:
            outcome = step(flow, self._state, what, today=self._today(), new_id=lambda: uuid4().hex)
            self._state = outcome.state
            actions = outcome.actions
            if outcome.same_wait and isinstance(actions[-1], CallApi):
                # The one awaited has been answered: it is not asked a second time.
                what = ApiReplied(request_id=actions[-1].request_id, ok=False, error="lost")
                continue
            what = await self._act(actions)
            if what is None:
                return

    async def _first_input(self) -> Input | None:
        info = self._call.info
        services = self._services
        session = await self._keeper.claim()
        if session is None:
            self._log.started(info, taken_over=False)
            self._go(ConversationState.GREETING)
            return Started(
                language=info.language if info.language in services.flow.languages else None,
                caller=info.caller,
                speech_languages=services.recogniser.languages,
            )
        self._state = DialogueState.model_validate(session.state)
        self._log.turn = session.turn + 1
        if session.finished:
            await self._leave(session.verdict)
            return None
        self._log.started(info, taken_over=True)
        self._go(ConversationState.GREETING)
        if self._keeper.epoch > _MOST_TAKEOVERS:
            _log.error("too_many_takeovers", epoch=self._keeper.epoch)
            return Silence(rung=len(services.rules.silence_rungs_ms))
        return self._back_from_agent(session) or Resumed()

    def _back_from_agent(self, session: Session) -> Input | None:
        """What it means that a caller comes who was last to talk to an agent."""
        info = self._call.info
        if session.verdict != _BRIDGED:
            return None
        if info.bridged is Bridged.FAILED:
            return TransferRefused()
        if info.bridged is None and info.switch_channel:
            return None  # the switch knows of no bridge: the worker died just before
        return Returned()

    async def _act(self, actions: tuple[Action, ...]) -> Input | None:
        """Carry out one step's actions; returns what the dialogue waited for, None at the end."""
        says = [action for action in actions if isinstance(action, Say)]
        last = actions[-1]
        if says:
            self._answering = _Answer(" ".join(say.text for say in says), self._caller_end_ms)
            self._caller_end_ms = None
            self._log.turn += 1
        finished = _is_last(last)
        verdict = last.destination if isinstance(last, TransferTo) else "hangup"
        await self._save(finished=finished, verdict=verdict if finished else "")
        self._log.settled()
        if says:
            self._speaking_state(last)
            self._say(says)
        match last:
            case Listen(expect=expect):
                return await self._listen(expect)
            case CallApi():
                return await self._ask(last)
            case RecordMessage(message_id=message_id):
                # No message is recorded yet: said so, the flow offers something else.
                return MessageRecorded(message_id=message_id, ok=False)
            case TransferTo(destination=destination, consult=Consult() as consult):
                await self._speaker.finished()
                return await self._ask_agent(destination, consult)
            case TransferTo(destination=destination):
                await self._speaker.finished()
                return await self._transfer(destination)
            case _:
                await self._speaker.finished()
                await self._leave("hangup")
                return None

    def _say(self, says: list[Say]) -> None:
        # From here on it is the bot's turn, also while its first sound is still being made.
        self._turns.bot_began(interruptible=says[0].interruptible)
        self._speaker.say(says)

    def _speaking_state(self, last: Action) -> None:
        if _is_last(last):
            self._go(ConversationState.TERMINATING)
        elif self._where is not ConversationState.GREETING:
            clarifying = self._state.misunderstood > 0
            where = ConversationState.CLARIFYING if clarifying else ConversationState.RESPONDING
            if self._where is ConversationState.LISTENING:
                self._go(ConversationState.PROCESSING)
            self._go(where)

    async def _save(self, *, finished: bool, verdict: str) -> None:
        await self._keeper.save(self._state, self._log.turn, finished=finished, verdict=verdict)

    async def _listen(self, expect: Expectation) -> Input:
        self._expect = expect
        while True:
            self._turns.listen(expect, self._now_ms())
            event = await self._happened.get()
            heard = await self._understand(event, expect)
            if heard is not None:
                self._unheard = []
                return heard
            if self._unheard:
                self._say(self._unheard)
                self._unheard = []

    async def _understand(self, event: TurnEvent, expect: Expectation) -> Input | None:
        """What an event on the line means to the dialogue; None when it was nothing."""
        self._go(ConversationState.PROCESSING)
        if isinstance(event, StayedSilent):
            return Silence(rung=event.rung)
        if isinstance(event, KeysEntered):
            self._caller_end_ms = event.end_ms
            self._turns.caller_acted()
            self._log.caller_keyed(event.keys, self._state, sensitive=expect.sensitive)
            return Keyed(digits=event.keys, unheard=self._not_heard())
        if not isinstance(event, SpeechEnded):
            return None
        transcript = await self._ears.finish()
        noise_ms = _COUGH_MS if self._unheard else _NOISE_MS
        if not transcript.text and event.speech_ms < noise_ms:
            self._go(ConversationState.LISTENING)
            return None
        if transcript.text:
            meaning = await self._services.interpreter.interpret(
                transcript.text, self._state.language
            )
        else:
            meaning = Interpretation(text="")
        self._caller_end_ms = event.end_ms
        self._turns.caller_acted()
        self._log.caller_said(meaning, transcript.confidence, self._state)
        return Said(
            interpretation=meaning,
            asr_confidence=transcript.confidence,
            unheard=self._not_heard(),
        )

    def _not_heard(self) -> tuple[str, ...]:
        return tuple(say.text for say in self._unheard)

    async def _ask(self, request: CallApi) -> ApiReplied:
        reply: ApiReplied = await self._services.call_api(request)
        self._log.integration(request, reply)
        return reply

    async def _ask_agent(self, destination: str, consult: Consult) -> Input | None:
        """Attended transfer: the caller waits, the agent decides."""
        self._go(ConversationState.CONSULTING)
        self._turns.take_floor()
        attended = self._attended = AttendedTransfer(
            self._call,
            says=consult.says,
            music=self._services.music,
            speaker=self._speaker_for_agent,
            clock=self._clock,
            rules=self._services.consult_rules,
        )
        try:
            outcome = await attended.ask(destination, consult.ring_s)
            self._log.agent_asked(destination, outcome)
            if outcome is not Outcome.ACCEPTED:
                return TransferRefused()
            # Whoever has the caller next, this worker or another, knows where they come from.
            await self._save(finished=False, verdict=_BRIDGED)
            self._go(ConversationState.TERMINATING)
            await attended.connect(returns=consult.returns)
        except TransferFailed as refusal:
            _log.warning("transfer_refused", destination=destination, reason=str(refusal))
            return TransferRefused() if self._ending is None else None
        finally:
            self._attended = None
            await attended.close()
        return None

    def _speaker_for_agent(self, call: Call, *, on_silent: Callable[[], None]) -> Speaker:
        services = self._services
        return Speaker(
            call,
            services.synthesiser,
            services.voice,
            services.recordings,
            on_sound=lambda say: None,
            on_silent=on_silent,
            on_failure=services.metrics.synthesis_failed,
        )

    async def _transfer(self, destination: str) -> Input | None:
        self._go(ConversationState.TERMINATING)
        try:
            await self._call.transfer(destination)
        except TransferFailed as refusal:
            _log.warning("transfer_refused", destination=destination, reason=str(refusal))
            return TransferRefused()
        self._ending = CallEnding(by=EndedBy.BOT, detail=f"transfer to {destination}")
        return None

    async def _leave(self, verdict: str) -> None:
        """End our part of the call, and tell the switch where the caller goes."""
        self._go(ConversationState.TERMINATING)
        if verdict not in ("", "hangup"):
            try:
                await self._call.transfer(verdict)
            except TransferFailed:
                await self._call.hang_up()
        else:
            await self._call.hang_up()
        self._ending = self._ending or CallEnding(by=EndedBy.BOT, detail=verdict)

    def _today(self) -> date:
        return self._clock.now().date()


def _is_last(action: Action) -> bool:
    """Whether the call is over for us with it."""
    return isinstance(action, HangUp) or (isinstance(action, TransferTo) and action.consult is None)


@dataclass(frozen=True, slots=True)
class _Answer:
    """The bot's turn under way: its words, and when what it answers had been said."""

    text: str
    asked_ms: float | None
