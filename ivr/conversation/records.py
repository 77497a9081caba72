"""What a conversation leaves behind: records, events for live displays, one log line an event.

Beside the conversation, not in it: nothing here decides anything, waits, or raises. Nothing the
caller keys or says at a sensitive step passes through here in clear.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import structlog

from ivr.conversation.consulting import Outcome
from ivr.conversation.services import Services
from ivr.conversation.states import ConversationState
from ivr.dialogue.actions import CallApi
from ivr.dialogue.inputs import ApiReplied, LineQuality
from ivr.dialogue.state import DialogueState
from ivr.nlu.interpreter import Interpretation
from ivr.nlu.sentiment import sentiment_of
from ivr.storage.record import CallFinished, CallStarted, SoundKept, TurnTaken
from ivr.storage.session import Session
from ivr.telephony.call import Call, CallEnding, CallInfo

HIDDEN = "[sensitive]"
"""Stands for what must leave no trace."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Unsettled:
    """A turn to be told once the session is saved; `again`: one that was, and has changed."""

    turn: TurnTaken
    keyed: bool = False
    again: bool = False


class CallLog:
    """The traces of one call."""

    def __init__(self, call: Call, services: Services) -> None:
        self._call = call
        self._services = services
        self.flow = services.flow
        """What the call is led by."""
        self._number = 0
        self.fenced = False
        self._began = False
        self._spoken: TurnTaken | None = None
        self._unsettled: list[_Unsettled] = []

    @property
    def turn(self) -> int:
        """The number of the latest turn."""
        return self._number

    @turn.setter
    def turn(self, number: int) -> None:
        self._number = number
        structlog.contextvars.bind_contextvars(turn=number)

    @property
    def unsettled(self) -> tuple[TurnTaken, ...]:
        """The records that `settled` will write."""
        return tuple(each.turn for each in self._unsettled)

    @contextmanager
    def bound(self) -> Iterator[None]:
        """Bind the call's id and turn to every log line within, and in tasks begun within.

        What the line tells comes in the context of the switch's own callbacks, which know neither.
        """
        call_id = str(self._call.id)
        with structlog.contextvars.bound_contextvars(call_id=call_id, turn=self._number):
            yield

    def went_on_from(self, session: Session) -> None:
        """Go on where another worker had to leave the call, and write what it may not have lived
        to write: what is there already stays as it is."""
        self.turn = session.turn
        for turn in session.told:
            self._services.records.write(turn)

    def started(self, info: CallInfo, *, taken_over: bool) -> None:
        """Note the call's beginning, or that it came from another worker."""
        self._began = True
        self._services.metrics.call_began()
        flow = self.flow
        _log.info("call_started", taken_over=taken_over, caller=info.caller, called=info.called)
        self._services.records.write(
            CallStarted(
                call_id=self._call.id,
                at=self._services.clock.now(),
                flow=flow.name,
                flow_version=flow.version,
                caller=info.caller,
                called=info.called,
                language=info.language,
                worker=self._services.worker,
                cdr=_uuid(info.variables.get("x-ivr-call", "")),
            )
        )
        self._publish("call_started", taken_over=taken_over, caller=info.caller)

    def state(self, where: ConversationState) -> None:
        """Note a change of the conversation's state."""
        _log.debug("state", state=where.value)
        self._publish("state", state=where.value)

    def caller_said(self, meaning: Interpretation, asr: float, state: DialogueState) -> None:
        """Note the caller's spoken turn, to be told once the call is known to be ours still."""
        self._caller(
            meaning.text,
            state,
            intent=meaning.intent,
            confidence=meaning.confidence,
            asr=asr,
            nlu_model=meaning.model,
            sentiment=round(sentiment_of(meaning.text, state.language).score, 3),
        )

    def caller_keyed(self, keys: str, state: DialogueState, *, sensitive: bool) -> None:
        """Note the caller's keyed turn, to be told once the call is known to be ours still."""
        self._caller(HIDDEN if sensitive else keys, state, keyed=True)

    def bot_speaks(
        self,
        text: str,
        state: DialogueState,
        gap_ms: float | None,
        stages_ms: Mapping[str, float],
    ) -> None:
        """Note the bot's turn, when its first sound is queued on the line, and where the time
        went until then (see `Waterfall`)."""
        turn = self._turn("bot", text, state, gap_ms=gap_ms)
        self._spoken = turn
        self._write(turn)
        if gap_ms is not None and stages_ms:
            self._services.metrics.answered_in(stages_ms)
            spent = {stage: round(ms, 2) for stage, ms in stages_ms.items()}
            _log.info("waterfall", gap_ms=round(gap_ms, 2), **spent)

    def interrupted(self) -> None:
        """Note that the caller interrupted the bot's turn."""
        self._cut_short()
        self._services.metrics.turn_interrupted()
        _log.info("barge_in")
        self._publish("barge_in")

    def taken_back(self) -> None:
        """Note that the caller went on, and the bot's turn was an answer to half of theirs: the
        next turn of the caller has all of it."""
        self._cut_short()
        self._services.metrics.turn_taken_back()
        _log.info("taken_back")
        self._publish("taken_back")

    def paused(self) -> None:
        """Note that the bot paused because somebody spoke."""
        _log.debug("bot_paused")
        self._services.metrics.bot_paused()

    def released(self) -> None:
        """Note that it was nobody, and the bot went on."""
        _log.debug("bot_released")
        self._services.metrics.bot_released()

    def settled(self) -> None:
        """The session is saved, so the call is still ours: tell what the caller did meanwhile."""
        waiting, self._unsettled = self._unsettled, []
        for each in waiting:
            if each.again:
                self._services.records.write(each.turn)
            else:
                self._write(each.turn, keyed=each.keyed)

    def integration(self, request: CallApi, reply: ApiReplied) -> None:
        """Note what an integration answered (never its data)."""
        _log.info(
            "integration",
            name=request.name,
            method=request.method,
            ok=reply.ok,
            status=reply.status,
            error=reply.error,
        )

    def agent_asked(self, destination: str, outcome: Outcome) -> None:
        """Note what came of asking an agent about the caller."""
        _log.info("agent_asked", destination=destination, outcome=outcome.value)
        self._publish("agent_asked", destination=destination, outcome=outcome.value)

    def line(self, quality: LineQuality, fault: str) -> None:
        """Note how the caller's line sounds, and what is wrong with it, if anything."""
        measured = {
            name: None if value is None else round(value, 3)
            for name, value in asdict(quality).items()
        }
        _log.info("line", fault=fault, **measured)
        self._publish("line", fault=fault, **measured)

    def sound(self, kept: SoundKept | None) -> None:
        """Note where the call's recording lies, if it was recorded: also by a worker that is
        fenced, for it is that worker's own."""
        if kept is not None:
            _log.info("call_recorded", path=kept.path, ms=kept.duration_ms, whole=kept.whole)
            self._services.records.write(kept)

    def finished(self, ending: CallEnding | None, state: DialogueState) -> None:
        """Note the call's end, unless another worker has it now."""
        if not self._began:
            return
        cause = ending.by.value if ending else "worker"
        self._services.metrics.call_ended("fenced" if self.fenced else cause)
        if self.fenced:
            return
        self.settled()
        detail = ending.detail if ending else ""
        _log.info("call_finished", cause=cause, detail=detail, turns=self.turn, node=state.node)
        self._services.records.write(
            CallFinished(
                call_id=self._call.id,
                at=self._services.clock.now(),
                cause=cause,
                detail=detail,
                turns=self.turn,
            )
        )
        self._publish("call_finished", cause=cause, detail=detail)

    def _cut_short(self) -> None:
        turn, self._spoken = self._spoken, None
        if turn is not None:
            again = turn.model_copy(update={"interrupted": True})
            self._unsettled.append(_Unsettled(again, again=True))

    def _caller(
        self,
        text: str,
        state: DialogueState,
        *,
        intent: str = "",
        confidence: float | None = None,
        asr: float | None = None,
        nlu_model: str = "",
        sentiment: float | None = None,
        keyed: bool = False,
    ) -> None:
        self.turn += 1
        self._spoken = None
        turn = self._turn(
            "caller",
            text,
            state,
            intent=intent,
            confidence=confidence,
            asr_confidence=asr,
            nlu_model=nlu_model,
            sentiment=sentiment,
        )
        self._unsettled.append(_Unsettled(turn, keyed=keyed))

    def _turn(self, who: Any, text: str, state: DialogueState, **more: Any) -> TurnTaken:
        return TurnTaken(
            call_id=self._call.id,
            number=self.turn,
            at=self._services.clock.now(),
            who=who,
            text=text,
            language=state.language,
            node=state.node,
            **more,
        )

    def _write(self, turn: TurnTaken, **more: Any) -> None:
        self._services.records.write(turn)
        data = turn.model_dump(mode="json", exclude={"call_id", "kind", "at", "number"})
        self._services.metrics.turn_taken(turn.who, turn.gap_ms)
        _log.info("turn", turn=turn.number, **data)
        self._publish("turn", number=turn.number, **data, **more)

    def _publish(self, kind: str, **data: Any) -> None:
        self._services.publish({"event": kind, "call_id": str(self._call.id), **data})


def _uuid(text: str) -> UUID | None:
    """What kamailio/identity.cfg writes into X-IVR-Call; None: nothing, or nothing of ours."""
    try:
        return UUID(text)
    except ValueError:
        return None
