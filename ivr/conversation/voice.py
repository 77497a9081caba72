"""The dialogue of a spoken call: what the caller means leads to what is said and done, and is saved
before it is told."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import structlog

from ivr.conversation.acquaintance import Acquaintance
from ivr.conversation.floor import Floor
from ivr.conversation.keeper import SessionKeeper
from ivr.conversation.leaving import Leaving
from ivr.conversation.messages import MessageTaker
from ivr.conversation.recorder import CallRecorder
from ivr.conversation.records import CallLog
from ivr.conversation.services import Services
from ivr.conversation.standing import Standing
from ivr.conversation.states import ConversationState, Whereabouts
from ivr.conversation.takeover import BRIDGED, taken_over, too_many, was_had
from ivr.dialogue.actions import (
    Action,
    CallApi,
    HangUp,
    Listen,
    RecordMessage,
    Say,
    TransferTo,
)
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

_log = structlog.get_logger()


class VoiceConversation:
    """One call, from the switch's hand-over to its end."""

    def __init__(self, call: Call, services: Services) -> None:
        self._call = call
        self._services = services
        self._clock = services.clock
        self._log = CallLog(call, services)
        self._whereabouts = Whereabouts(self._log.state)
        self._standing = Standing(services.flow, services.clock)
        self._recorder = CallRecorder(call, services.sound_files, self._clock)
        # None of these knows the conversation: it goes at its end, not with a search for garbage.
        log, standing = self._log, self._standing
        keeper = self._keeper = SessionKeeper(
            call.id,
            services.flow,
            services.sessions,
            self._recorder,
            told=lambda: log.unsettled,
        )

        async def keep_bridged() -> None:
            await keeper.save(standing.state, log.turn, finished=False, verdict=BRIDGED)

        self._leaving = Leaving(call, services, self._whereabouts, log, keep_bridged)
        self._messages = MessageTaker(call, services.sound_files, services.records, self._clock)
        self._floor = Floor(
            call,
            services,
            self._standing,
            self._whereabouts,
            self._log,
            leaving=self._leaving,
            recorder=self._recorder,
            messages=self._messages,
            on_ended=self._line_gone,
        )
        self._caller = Acquaintance(
            call.info, services.flow, services.callers, services.trusted_trunks, self._clock
        )
        self._ending: CallEnding | None = None
        self._too_long: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> asyncio.Task[None]:
        """Begin; the task ends when the call is over and its records are written."""
        loop = asyncio.get_running_loop()
        with self._log.bound():
            self._floor.open()
            self._too_long = loop.call_later(
                self._services.longest_call_s, self._floor.end_politely
            )
            self._task = loop.create_task(self._run(), name=f"call {self._call.id}")
        return self._task

    def _line_gone(self, ending: CallEnding) -> None:
        self._ending = ending
        task = self._task
        # Where the loop itself lets the call go, it still has the end to write down.
        leaving = (
            self._whereabouts.state is ConversationState.TERMINATING
            or task is asyncio.current_task()
        )
        if task is not None and not leaving:
            task.cancel()

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
            log.finished(self._ending, self._standing.state)
            self._keeper.let_go()
            if not log.fenced:
                self._caller.parting(self._standing.state, self._ending)

    def _close(self) -> None:
        if self._too_long is not None:
            self._too_long.cancel()
        self._floor.close()

    async def _fail(self) -> None:
        """Something of ours is broken: apologise, then let another worker have the call."""
        self._whereabouts.go(ConversationState.ERROR)
        self._floor.hush()
        apology = self._services.recordings.get("apology", self._standing.state.language)
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
            state = self._standing.state
            outcome = self._floor.foreseen(what, state) or self._standing.step(state, what)
            self._standing.state = outcome.state
            self._floor.mark("flow")
            actions = outcome.actions
            if outcome.same_wait and isinstance(actions[-1], CallApi):
                # The one awaited has been answered: it is not asked a second time.
                what = ApiReplied(request_id=actions[-1].request_id, ok=False, error="lost")
                continue
            what = await self._act(actions)
            if what is None:
                return

    def _tell_of_line(self) -> None:
        """Let the dialogue know how the line sounds, where that has changed; it says nothing to
        it by itself, and goes on waiting for what it waited for."""
        quality = self._floor.quality()
        fault = line_fault(quality)
        if fault != self._standing.state.line:
            self._standing.state = self._standing.step(self._standing.state, quality).state
            self._log.line(quality, fault)

    async def _first_input(self) -> Input | None:
        info = self._call.info
        services = self._services
        session = await self._keeper.claim(expected=was_had(info))
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
        self._standing.state = DialogueState.model_validate(session.state)
        self._log.went_on_from(session)
        if session.finished:
            self._log.started(info, taken_over=True)
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
        self._standing.flow = flow
        self._keeper.flow = flow
        self._log.flow = flow
        self._caller.flow = flow

    async def _act(self, actions: tuple[Action, ...]) -> Input | None:
        """Carry out one step's actions; returns what the dialogue waited for, None at the end."""
        says = [action for action in actions if isinstance(action, Say)]
        last = actions[-1]
        self._recorder.about_to(says, last)
        if says:
            self._log.turn += 1
        kept = await self._keep(last)
        self._log.settled()
        self._floor.mark("saving")
        if says:
            self._speaking_state(last)
            self._floor.answer(says)
        if not _may_be_taken_back(last):
            self._floor.settle()
        match last:
            case Listen(expect=expect):
                return await self._floor.listen(expect)
            case CallApi():
                return await self._ask(last, kept=kept)
            case RecordMessage():
                self._floor.take()
                await self._floor.said()
                self._whereabouts.go(ConversationState.LISTENING)
                return await self._messages.take(last, self._standing.state)
            case _:
                await self._floor.said()
                return await self._leave(last)

    async def _leave(self, last: Action) -> Input | None:
        """Let the caller go; returns what happens instead where they stay."""
        if not isinstance(last, TransferTo):
            self._over(await self._leaving.follow("hangup"))
            return None
        if last.consult is not None:
            self._floor.take()
            return await self._leaving.ask_agent(last.destination, last.consult)
        left = await self._leaving.transfer(last.destination)
        if isinstance(left, TransferRefused):
            return left
        self._ending = left
        return None

    def _speaking_state(self, last: Action) -> None:
        if _is_last(last):
            self._whereabouts.go(ConversationState.TERMINATING)
        elif self._whereabouts.state is not ConversationState.GREETING:
            clarifying = self._standing.state.misunderstood > 0
            where = ConversationState.CLARIFYING if clarifying else ConversationState.RESPONDING
            if self._whereabouts.state is ConversationState.LISTENING:
                self._whereabouts.go(ConversationState.PROCESSING)
            self._whereabouts.go(where)

    async def _keep(self, last: Action) -> bool:
        """Save before `last` and whatever is said; returns whether `last` may be done."""
        if isinstance(last, CallApi) and last.idempotency_key is not None:
            return await self._keeper.secure(self._standing.state, self._log.turn)
        finished = _is_last(last)
        verdict = last.destination if isinstance(last, TransferTo) else "hangup"
        await self._keeper.save(
            self._standing.state,
            self._log.turn,
            finished=finished,
            verdict=verdict if finished else "",
        )
        return True

    def _over(self, ending: CallEnding) -> None:
        self._ending = self._ending or ending

    async def _ask(self, request: CallApi, *, kept: bool) -> ApiReplied:
        if kept:
            reply: ApiReplied = await self._services.call_api(request)
        else:
            # Were it made now, another worker might make it again.
            reply = ApiReplied(request_id=request.request_id, ok=False, error="intent not saved")
        self._floor.mark("integration")
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
