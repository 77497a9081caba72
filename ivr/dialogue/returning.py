"""A caller who rings again: what is kept of a call, who may be taken for its caller, and what
they may go on with. Pure; the shell keeps the summary by the caller's number.

    dropped, back within 5 minutes    resumes at the very step
    back within 60 minutes            may go on with the task they were in

With both comes what they were told last, so that "tell me more about it" still means something.

What was asked of the world and is still in doubt goes with them, unasked: the same request again
then keeps its idempotency key, and is not made twice.

Only for a number that is neither withheld nor from an untrusted trunk, for whom numbers can be
forged; only after a spoken yes; and never restored are authentication, sensitive slots, amounts,
and what other systems told.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from ivr.dialogue.changes import Change
from ivr.dialogue.topic import Topic

if TYPE_CHECKING:
    from ivr.dialogue.flow import Flow
    from ivr.dialogue.state import DialogueState

DROPPED_WITHIN = timedelta(minutes=5)
RETURNS_WITHIN = timedelta(minutes=60)

How = Literal["", "step", "task"]


class Returning(BaseModel):
    """What a caller may go on with: at the very `step`, at the beginning of the `task`, or with
    nothing but what is in doubt."""

    model_config = ConfigDict(frozen=True)

    how: How
    node: str
    task: str
    language: str
    slots: Mapping[str, str] = Field(default_factory=dict)
    changes: Mapping[str, Change] = Field(default_factory=dict)
    topics: tuple[Topic, ...] = ()


class CallSummary(BaseModel):
    """What is kept of a call for when its caller rings again; as JSON by `model_dump(mode="json")`.
    It holds nothing that must not be restored.
    """

    model_config = ConfigDict(frozen=True)

    flow: str
    flow_version: str
    ended_at: datetime
    dropped: bool
    """The line broke: neither the caller nor we had said goodbye."""
    node: str
    task: str
    language: str
    slots: Mapping[str, str] = Field(default_factory=dict)
    changes: Mapping[str, Change] = Field(default_factory=dict)
    topics: tuple[Topic, ...] = ()
    """What the caller was told of late; their turns are counted back from the end of the call."""
    authenticated: bool = False
    """A slot that proves who the caller is was filled: the way to the step leads through it."""


def summarise(
    flow: Flow, state: DialogueState, *, ended_at: datetime, dropped: bool
) -> CallSummary | None:
    """What to keep of a call that has ended in `state`; None where there is nothing to go on with.
    `ended_at` has a time zone.
    """
    under_way = not state.finished and state.node in flow.nodes and _begun(flow, state)
    if not under_way and not state.changes:
        return None
    return CallSummary(
        flow=flow.name,
        flow_version=flow.version,
        ended_at=ended_at,
        dropped=dropped,
        node=state.node if under_way else "",
        task=state.task if under_way else "",
        language=state.language,
        slots=_restorable(flow, state.slots) if under_way else {},
        changes=state.changes,
        topics=_topics(flow, state) if under_way else (),
        authenticated=any(
            name in state.slots or name in state.secrets for name in flow.authentication_slots
        ),
    )


def _begun(flow: Flow, state: DialogueState) -> bool:
    """Whether the caller is in the middle of something, and not only asked what it is to be."""
    places = (flow.home, flow.entry_language_known, flow.entry_language_unknown)
    return bool(state.task) or state.node not in places


def may_return(
    flow: Flow,
    summary: CallSummary | None,
    *,
    now: datetime,
    caller: str,
    withheld: bool,
    trusted_trunk: bool,
) -> Returning | None:
    """Whether the caller of a new call may go on, and with what. Whatever this answers, they are
    asked first.
    """
    if summary is None or not caller or withheld or not trusted_trunk:
        return None
    away = now - summary.ended_at
    if summary.flow != flow.name or not timedelta(0) <= away <= RETURNS_WITHIN:
        return None
    how = _how(flow, summary, away)
    if not how and not summary.changes:
        return None
    at_step = how == "step"
    return Returning(
        how=how,
        node=summary.node,
        task=summary.task,
        language=summary.language,
        slots=_restorable(flow, summary.slots) if at_step else {},
        changes=summary.changes,
        topics=tuple(_topic(flow, topic, with_slots=at_step) for topic in summary.topics),
    )


def _how(flow: Flow, summary: CallSummary, away: timedelta) -> How:
    if summary.language not in flow.languages:
        return ""
    node = flow.nodes.get(summary.node)
    at_step = (
        summary.dropped
        and away <= DROPPED_WITHIN
        and summary.flow_version == flow.version
        and node is not None
        and node.kind.asks
        # Who has to prove again who they are is led there from the task's beginning.
        and not summary.authenticated
        and summary.node in flow.unguarded
    )
    if at_step:
        return "step"
    return "task" if summary.task in flow.routes else ""


def _restorable(flow: Flow, slots: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in slots.items() if name in flow.restorable_slots}


def _topics(flow: Flow, state: DialogueState) -> tuple[Topic, ...]:
    return tuple(
        _topic(flow, topic.model_copy(update={"turn": topic.turn - state.turns}), with_slots=True)
        for topic in state.topics
    )


def _topic(flow: Flow, topic: Topic, *, with_slots: bool) -> Topic:
    """`topic` without what must not be restored, and without more to tell where that needs it."""
    slots = _restorable(flow, topic.slots) if with_slots else {}
    needed = frozenset[str]().union(
        *(
            flow.texts[topic.more, code].variables
            for code in flow.languages
            if topic.more is not None and (topic.more, code) in flow.texts
        )
    )
    told = topic.more if needed <= slots.keys() else None
    return topic.model_copy(update={"slots": slots, "more": told})
