"""The turn loop of a spoken call: it listens, decides when the caller has finished, lets the
dialogue decide what to say, speaks, and can be interrupted."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from uuid import uuid4

import structlog

from ivr.conversation.acquaintance import Acquaintance
from ivr.conversation.ears import Ears
from ivr.conversation.keeper import SessionKeeper
from ivr.conversation.leaving import Leaving
from ivr.conversation.line_meter import LineMeter
from ivr.conversation.messages import MessageTaker
from ivr.conversation.recorder import CallRecorder
from ivr.conversation.records import CallLog
from ivr.conversation.services import Services
from ivr.conversation.speaker import Speaker
from ivr.conversation.states import ConversationState, Whereabouts
from ivr.conversation.takeover import BRIDGED, taken_over, too_many
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
from ivr.dialogue.actions import (
    Action,
    CallApi,
    Expectation,
    HangUp,
    Listen,
    RecordMessage,
    Say,
    TransferTo,
)
from ivr.dialogue.executor import Step, begin, step
from ivr.dialogue.inputs import (
    ApiReplied,
    Input,
    Said,
    Started,
    TransferRefused,
)
from ivr.dialogue.line import line_fault
from ivr.dialogue.state import DialogueState
from ivr.storage.session import SessionFenced
from ivr.telephony.call import Call, CallEnding

TICK_S = 0.1
"""How often time passes for the rules when no frame comes."""
_log = structlog.get_logger()


class VoiceConversation:
    """One call, from the switch's hand-over to its end. A `CallListener`."""

    def __init__(self, call: Call, services: Services) -> None:
        self._call = call
        self._services = services
        self._clock = services.clock
        self._turns = TurnTaker(services.rules, frame_ms=call.format.ptime_ms)
        self._ears = Ears(services.recogniser, call.format)
        self._speaker = Speaker(
            call,
            services.synthesiser,
            services.voice,
            services.recordings,
            on_sound=self._bot_sounds,
            on_silent=self._bot_silent,
            on_failure=services.metrics.synthesis_failed,
            on_heard=self._bot_heard,
        )
        self._log = CallLog(call, services)
        self._state: DialogueState = begin(services.flow)
        self._whereabouts = Whereabouts(self._log.state)
        self._understanding = Understanding(
            self._ears,
            self._turns,
            services.interpreter,
            self._whereabouts,
            self._log,
            endings=services.endings,
            mark=self._mark,
            step=self._step,
            prepare=self._speaker.prepare,
        )
        self._leaving = Leaving(call, services, self._whereabouts, self._log, self._keep_bridged)
        self._line = LineMeter(call.format)
        self._recorder = CallRecorder(call, services.sound_files, self._clock)
        self._messages = MessageTaker(call, services.sound_files, services.records, self._clock)
        self._caller = Acquaintance(
            call.info, services.flow, services.callers, services.trusted_trunks, self._clock
        )
        self._keeper = SessionKeeper(call.id, services.flow, services.sessions, self._recorder)
        self._expect: Expectation | None = None
        self._happened: asyncio.Queue[TurnEvent] = asyncio.Queue()
        self._unheard: list[Say] = []
        self._before: _Before | None = None
        self._waterfall = Waterfall()
        self._caller_end_ms: float | None = None
        self._answering: _Answer | None = None
        self._ending: CallEnding | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._too_long: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None

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
        now_ms = self._now_ms()
        ears, turns = self._ears, self._turns
        self._recorder.caller(frame)
        speech = ears.hear(frame)
        if self._messages.taking:
            self._messages.frame(frame, speech=speech)
        if speech or self._line.hears_speech:
            self._line.feed(
                frame,
                speech=speech,
                level_dbfs=ears.level_dbfs,
                noise_dbfs=ears.noise_dbfs,
                now_ms=now_ms,
            )
        if not speech and not turns.hears_speech:
            return
        into_bot = speech and turns.bot_speaking
        events = turns.frame(
            speech,
            now_ms,
            began_ms_ago=ears.began_ms_ago,
            doubtful=into_bot and ears.doubtful(self._call.played_dbfs),
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
        self._ending = ending
        task = self._task
        # Where the loop itself lets the call go, it still has the end to write down.
        leaving = (
            self._whereabouts.state is ConversationState.TERMINATING
            or task is asyncio.current_task()
        )
        if task is not None and not leaving:
            task.cancel()
        self._speaker.close()

    # What follows from it.

    def _now_ms(self) -> float:
        return self._clock.monotonic() * 1000

    def _mark(self, stage: str) -> None:
        self._waterfall.mark(stage, self._now_ms())

    def _tick(self) -> None:
        self._messages.tick()
        for event in self._turns.tick(self._now_ms()):
            self._on(event)
        self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def _on(self, event: TurnEvent) -> None:
        with self._log.bound():
            self._react(event)

    def _react(self, event: TurnEvent) -> None:
        match event:
            case SpeechBegan(onset_ms, joins):
                state, expect, _ = self._asked(joins=joins)
                expect = expect or Expectation()
                ago = self._now_ms() - onset_ms
                self._ears.open(
                    state.language,
                    expect.phrases,
                    ago,
                    others=expect.languages,
                    joins=joins,
                )
            case BotPaused():
                self._call.pause()
                self._log.paused()
            case BotReleased():
                self._call.resume()
                self._log.released()
            case BargedIn():
                self._unheard = self._speaker.interrupt()
                self._log.interrupted()
            case TakenBack():
                self._unheard = self._speaker.interrupt()
                self._log.taken_back()
            case SpeechPaused(joins):
                self._looking = asyncio.create_task(self._look(joins=joins))
            case SpeechDropped():
                self._ears.abandon()
            case SpeechEnded() | KeysEntered() | StayedSilent():
                if not isinstance(event, StayedSilent):
                    self._waterfall.begin(event.end_ms)
                    self._mark("endpoint")
                self._take_floor()
                self._happened.put_nowait(event)

    async def _look(self, *, joins: bool) -> None:
        state, _, unheard = self._asked(joins=joins)
        late = self._speaker.has_all_but_finished
        look = await self._understanding.look(state, unheard=unheard, late=late)
        if look is not None:
            for event in self._turns.looked(look, self._now_ms()):
                self._on(event)

    def _asked(self, *, joins: bool) -> tuple[DialogueState, Expectation | None, tuple[str, ...]]:
        """What speech is to be understood by: the dialogue, what it expects, and what it has not
        been let say; with `joins` as it was before its last answer."""
        before = self._before
        if joins and before is not None:
            return before.state, before.expect, before.unheard
        return self._state, self._expect, tuple(say.text for say in self._unheard)

    def _take_floor(self) -> None:
        self._turns.take_floor()
        self._call.resume()

    def _bot_sounds(self, say: Say) -> None:
        self._turns.bot_began(interruptible=say.interruptible, now_ms=self._now_ms())
        answer, self._answering = self._answering, None
        if answer is not None:
            gap = None if answer.asked_ms is None else self._now_ms() - answer.asked_ms
            self._mark("synthesis")
            self._log.bot_speaks(answer.text, self._state, gap, self._waterfall.take())

    def _bot_heard(self, say: Say) -> None:
        self._recorder.heard(say)

    def _bot_silent(self) -> None:
        self._turns.bot_fell_silent(self._now_ms())
        if self._turns.expect is not None:
            self._whereabouts.go(ConversationState.LISTENING)

    def _end_politely(self) -> None:
        self._take_floor()
        self._happened.put_nowait(StayedSilent(len(self._services.rules.silence_rungs_ms)))

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
            log.sound(await self._recorder.finish())
            if self._ending is not None and not log.fenced:
                log.fenced = await self._keeper.is_anothers()
            log.finished(self._ending, self._state)
            if not log.fenced:
                self._caller.parting(self._state, self._ending)

    def _close(self) -> None:
        for timer in (self._timer, self._too_long):
            if timer is not None:
                timer.cancel()
        if self._looking is not None:
            self._looking.cancel()
        self._ears.abandon()
        self._speaker.close()

    async def _fail(self) -> None:
        """Something of ours is broken: apologise, then let another worker have the call."""
        self._whereabouts.go(ConversationState.ERROR)
        self._take_floor()
        self._speaker.interrupt()
        apology = self._services.recordings.get("apology", self._state.language)
        self._call.play(apology, mark=0)
        await asyncio.sleep(apology.duration_ms / 1000 + 0.1)
        self._call.drop()

    async def _converse(self) -> None:
        what = await self._first_input()
        if what is None:
            return
        while self._ending is None:
            if isinstance(what, Said):
                self._tell_of_line()
            state = self._state
            outcome = self._understanding.foreseen(what, state) or self._step(state, what)
            self._state = outcome.state
            self._mark("flow")
            actions = outcome.actions
            if outcome.same_wait and isinstance(actions[-1], CallApi):
                # The one awaited has been answered: it is not asked a second time.
                what = ApiReplied(request_id=actions[-1].request_id, ok=False, error="lost")
                continue
            what = await self._act(actions)
            if what is None:
                return

    def _step(self, state: DialogueState, what: Input) -> Step:
        today = self._clock.now().date()
        return step(self._services.flow, state, what, today=today, new_id=lambda: uuid4().hex)

    def _tell_of_line(self) -> None:
        """Let the dialogue know how the line sounds, where that has changed; it says nothing to
        it by itself, and goes on waiting for what it waited for."""
        quality = self._line.quality()
        fault = line_fault(quality)
        if fault != self._state.line:
            self._state = self._step(self._state, quality).state
            self._log.line(quality, fault)

    async def _first_input(self) -> Input | None:
        info = self._call.info
        services = self._services
        session = await self._keeper.claim()
        if session is None:
            self._begin_recording(known=False)
            self._log.started(info, taken_over=False)
            self._whereabouts.go(ConversationState.GREETING)
            return Started(
                language=info.language if info.language in services.flow.languages else None,
                caller=info.caller,
                returning=await self._caller.returning(),
                speech_languages=services.recogniser.languages,
            )
        await self._keep_to(session.flow_version)
        self._state = DialogueState.model_validate(session.state)
        self._log.turn = session.turn + 1
        if session.finished:
            self._over(await self._leaving.follow(session.verdict))
            return None
        self._begin_recording(known=session.recording)
        self._log.started(info, taken_over=True)
        self._whereabouts.go(ConversationState.GREETING)
        epoch = self._keeper.epoch
        if too_many(epoch):
            _log.error("too_many_takeovers", epoch=epoch)
        rungs = len(services.rules.silence_rungs_ms)
        return taken_over(session, info, epoch, last_silence=rungs)

    def _begin_recording(self, *, known: bool) -> None:
        """Record, where that is wanted and the caller need not be told, or is `known` to know."""
        flow = self._services.flow
        wanted = self._services.record_calls or flow.recorded
        if wanted and (known or flow.announcement is None):
            self._recorder.begin()

    async def _keep_to(self, version: str) -> None:
        """Go on in the version of the flow that the call began with, where it still is kept."""
        if version == self._services.flow.version:
            return
        flow = await self._services.flow_version(version)
        if flow is None:
            _log.warning("flow_version_gone", version=version)
            return
        self._services = replace(self._services, flow=flow)
        self._keeper.flow = flow
        self._log.flow = flow
        self._caller.flow = flow

    async def _act(self, actions: tuple[Action, ...]) -> Input | None:
        """Carry out one step's actions; returns what the dialogue waited for, None at the end."""
        says = [action for action in actions if isinstance(action, Say)]
        last = actions[-1]
        self._recorder.about_to(says, last)
        if says:
            self._answering = _Answer(" ".join(say.text for say in says), self._caller_end_ms)
            self._caller_end_ms = None
            self._log.turn += 1
        kept = await self._keep(last)
        self._log.settled()
        self._mark("saving")
        if says:
            self._speaking_state(last)
            self._say(says)
        if not _may_be_taken_back(last):
            self._turns.settle()
        match last:
            case Listen(expect=expect):
                return await self._listen(expect)
            case CallApi():
                return await self._ask(last, kept=kept)
            case RecordMessage():
                self._take_floor()
                await self._speaker.finished()
                self._whereabouts.go(ConversationState.LISTENING)
                return await self._messages.take(last, self._state)
            case _:
                await self._speaker.finished()
                return await self._leave(last)

    async def _leave(self, last: Action) -> Input | None:
        """Let the caller go; returns what happens instead where they stay."""
        if not isinstance(last, TransferTo):
            self._over(await self._leaving.follow("hangup"))
            return None
        if last.consult is not None:
            self._take_floor()
            return await self._leaving.ask_agent(last.destination, last.consult)
        left = await self._leaving.transfer(last.destination)
        if isinstance(left, TransferRefused):
            return left
        self._ending = left
        return None

    def _say(self, says: list[Say]) -> None:
        # From here on it is the bot's turn, also while its first sound is still being made.
        self._turns.bot_began(interruptible=says[0].interruptible)
        self._speaker.say(says)

    def _speaking_state(self, last: Action) -> None:
        if _is_last(last):
            self._whereabouts.go(ConversationState.TERMINATING)
        elif self._whereabouts.state is not ConversationState.GREETING:
            clarifying = self._state.misunderstood > 0
            where = ConversationState.CLARIFYING if clarifying else ConversationState.RESPONDING
            if self._whereabouts.state is ConversationState.LISTENING:
                self._whereabouts.go(ConversationState.PROCESSING)
            self._whereabouts.go(where)

    async def _keep(self, last: Action) -> bool:
        """Save before `last` and whatever is said; returns whether `last` may be done."""
        if isinstance(last, CallApi) and last.idempotency_key is not None:
            return await self._keeper.secure(self._state, self._log.turn)
        finished = _is_last(last)
        verdict = last.destination if isinstance(last, TransferTo) else "hangup"
        await self._save(finished=finished, verdict=verdict if finished else "")
        return True

    async def _save(self, *, finished: bool, verdict: str) -> None:
        await self._keeper.save(self._state, self._log.turn, finished=finished, verdict=verdict)

    async def _keep_bridged(self) -> None:
        await self._save(finished=False, verdict=BRIDGED)

    def _over(self, ending: CallEnding) -> None:
        self._ending = self._ending or ending

    async def _listen(self, expect: Expectation) -> Input:
        self._expect = expect
        while True:
            self._turns.listen(expect, self._now_ms())
            event = await self._happened.get()
            joins = isinstance(event, SpeechEnded) and event.joins
            state, asked, unheard = self._asked(joins=joins)
            heard = await self._understanding.of(event, asked or expect, state, unheard=unheard)
            if heard is not None:
                if isinstance(event, SpeechEnded | KeysEntered):
                    self._caller_end_ms = event.end_ms
                self._state = state
                self._before = _Before(state, asked or expect, unheard)
                self._unheard = []
                return heard
            if self._unheard:
                self._say(self._unheard)
                self._unheard = []

    async def _ask(self, request: CallApi, *, kept: bool) -> ApiReplied:
        if kept:
            reply: ApiReplied = await self._services.call_api(request)
        else:
            # Were it made now, another worker might make it again.
            reply = ApiReplied(request_id=request.request_id, ok=False, error="intent not saved")
        self._mark("integration")
        self._log.integration(request, reply)
        return reply


def _is_last(action: Action) -> bool:
    """Whether the call is over for us with it."""
    return isinstance(action, HangUp) or (isinstance(action, TransferTo) and action.consult is None)


def _may_be_taken_back(last: Action) -> bool:
    """Whether nothing has happened but words when the caller turns out to go on."""
    if isinstance(last, CallApi):
        return last.idempotency_key is None
    return isinstance(last, Listen)


@dataclass(frozen=True, slots=True)
class _Before:
    """The dialogue before the turn that is being answered: its state, what it expected, and what
    that turn had interrupted."""

    state: DialogueState
    expect: Expectation
    unheard: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Answer:
    """The bot's turn under way: its words, and when what it answers had been said."""

    text: str
    asked_ms: float | None
