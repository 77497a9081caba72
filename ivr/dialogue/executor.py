"""(flow, state, input) -> (state, actions): pure and total.

Whatever comes in whatever state, sensible or not, there is a next state, and its actions end
with exactly one thing to wait for. Nothing raises; a fault of the flow or of an integration
becomes an honest sentence and an agent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from ivr.dialogue.actions import Action, HangUp, TransferTo
from ivr.dialogue.asides import can_ask_which
from ivr.dialogue.flow import Flow
from ivr.dialogue.hearing import hear_keys, hear_speech
from ivr.dialogue.inputs import (
    ApiReplied,
    Input,
    Keyed,
    LineQuality,
    MessageRecorded,
    Resumed,
    Returned,
    Said,
    Silence,
    Started,
    TransferRefused,
)
from ivr.dialogue.line import line_fault
from ivr.dialogue.nodes.kind import AskingKind, AwaitingKind, Node
from ivr.dialogue.nodes.transfer import Transfer
from ivr.dialogue.repair import (
    LAST_SILENCE,
    ask,
    question_of,
    repeat,
    say_goodbye_to_silence,
    silent,
    to_agent,
)
from ivr.dialogue.state import DialogueState
from ivr.dialogue.tasks import forget_task
from ivr.dialogue.templates import TemplateFailed, clean
from ivr.dialogue.turn import HANG_UP, Turn

if TYPE_CHECKING:
    from ivr.dialogue.returning import Returning

_MOST_HOPS = 64
"""Nodes walked through in one step; a checked flow stays far below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a step led to. `actions`: any number of `Say`, then what is waited for.

    `same_wait`: nothing has changed, and the last action is the one that was waited for already
    (a late or stale input was dropped): it is not to be begun a second time.
    """

    state: DialogueState
    actions: tuple[Action, ...]
    same_wait: bool = False


def begin(flow: Flow) -> DialogueState:
    """The state of a dialogue in which nothing has happened yet."""
    return DialogueState(language=flow.languages[0])


def step(
    flow: Flow,
    state: DialogueState,
    input: Input,
    *,
    today: date,
    new_id: Callable[[], str],
) -> Step:
    """Let `input` happen. `today` is the caller's date; `new_id` makes ids for requests and
    idempotency keys. Never raises.
    """
    turn = Turn(flow, state, today, new_id)
    try:
        _walk(turn, _take(turn, input))
    except TemplateFailed as failure:
        _mend(turn, failure)
    return Step(state=turn.settle(), actions=tuple(turn.actions), same_wait=turn.same_wait)


def _take(turn: Turn, what: Input) -> str | None:  # noqa: PLR0911
    """Take the input where the dialogue is. Returns the node to enter, None once it waits."""
    _fit_to_flow(turn)
    if isinstance(what, LineQuality):
        turn.change(line=line_fault(what))
    state = turn.state
    if isinstance(what, Silence) and what.rung >= LAST_SILENCE and not state.finished:
        say_goodbye_to_silence(turn)
        return None
    if state.finished:
        if state.verdict != HANG_UP:
            if isinstance(what, TransferRefused):
                return _refused(turn)
            if isinstance(what, Returned):
                return _returned(turn)
            if isinstance(what, Resumed) and _asks_agent(turn):
                return _ask_agent_again(turn)
        _wait_for_the_end(turn)
        return None
    if state.node not in turn.flow.nodes:
        return _start(turn, what if isinstance(what, Started) else None)
    if isinstance(what, Resumed):
        return _resume(turn)
    if state.pending is not None:
        answers = (
            what.request_id
            if isinstance(what, ApiReplied)
            else what.message_id
            if isinstance(what, MessageRecorded)
            else None
        )
        if answers == state.pending.request_id:
            return _replied(turn, what)
        return _wait_on(turn)
    return _hear(turn, what)


def _fit_to_flow(turn: Turn) -> None:
    """Let go of what the state holds and this flow has not: it may be another version's."""
    if turn.state.language not in turn.flow.languages:
        turn.change(language=turn.flow.languages[0], language_known=False)
    if turn.state.aside == "which" and not can_ask_which(turn):
        turn.change(aside="", between=())


def _hear(turn: Turn, what: Input) -> str | None:
    """Take what the caller did, or did not do, at the node that waits for it."""
    node = turn.flow.nodes[turn.state.node]
    if not isinstance(node.kind, AskingKind):
        return turn.flow.home
    if turn.state.silence and isinstance(what, Keyed | Said):
        turn.change(silence=0)
    match what:
        case Silence(rung=rung):
            return silent(turn, node, rung)
        case Keyed():
            return hear_keys(turn, node, what)
        case Said():
            return hear_speech(turn, node, what)
    return _wait_on(turn)


def _start(turn: Turn, started: Started | None) -> str | None:
    flow = turn.flow
    if flow.announcement is not None:
        chosen = started.language if started is not None else None
        language = chosen if chosen in flow.languages else None
        turn.say(flow.announcement, interruptible=False, notice=True, language=language)
    if started is not None:
        turn.change(speech_languages=started.speech_languages, caller=clean(started.caller))
        back = started.returning
        if back is not None:
            turn.change(changes=back.changes)
            if _may_offer(turn, back):
                _offer_return(turn, back)
                return None
    language = started.language if started is not None else None
    if turn.state.language_known and turn.state.language in flow.languages:
        return flow.home
    if len(flow.languages) == 1:
        language = flow.languages[0]
    if language not in flow.languages or language is None:
        turn.change(language=flow.languages[0], language_known=False)
        return flow.entry_language_unknown
    turn.speak(language)
    return flow.entry_language_known


def _may_offer(turn: Turn, back: Returning) -> bool:
    """Whether the caller can be asked to go on, and say yes to it."""
    home = turn.flow.nodes[turn.flow.home]
    speaks = back.language in turn.flow.languages and back.language in turn.state.speech_languages
    return bool(back.how) and speaks and isinstance(home.kind, AskingKind)


def _offer_return(turn: Turn, back: Returning) -> None:
    turn.change(language=back.language, language_known=True)
    turn.change(node=turn.flow.home, aside="return", returning=back)
    ask(turn, turn.flow.nodes[turn.flow.home])


def _walk(turn: Turn, target: str | None) -> None:
    """Go from node to node until one waits."""
    hops = 0
    while target is not None:
        hops += 1
        if hops > _MOST_HOPS:
            raise TemplateFailed("the flow goes round without listening")
        node = turn.flow.nodes[target]
        turn.change(node=target, phase="ask", aside="", misunderstood=0, detours=0, pending=None)
        target = node.kind.enter(turn, node)


def _mend(turn: Turn, failure: TemplateFailed) -> None:
    """Something could not be said or asked: ask for the value that lacks, else say that
    something is wrong, and let an agent help.
    """
    turn.same_wait = False
    asker = turn.flow.askers.get(failure.missing)
    if asker is not None and asker != turn.state.node:
        try:
            _walk(turn, asker)
        except TemplateFailed:
            pass
        else:
            return
    turn.change(pending=None, finished=False, verdict="", aside="")
    turn.say("trouble")
    forget_task(turn, keep_lasting=False)
    try:
        _walk(turn, to_agent(turn))
    except TemplateFailed:
        turn.say("no_agent", interruptible=False)
        turn.hang_up()


def _resume(turn: Turn) -> str | None:
    """Another worker goes on: where we were, but for what only the other one knew."""
    state = turn.state
    turn.change(silence=0)
    turn.say("resumed")
    node = turn.flow.nodes[state.node]
    if state.pending is not None and isinstance(node.kind, AwaitingKind):
        turn.change(pending=None)
        return node.kind.resumed(turn, node)
    if isinstance(node.kind, AskingKind):
        # Nobody knows how much of it was heard: an answer may have stood before the question.
        repeat(turn, node)
        return None
    return turn.flow.home


def _refused(turn: Turn) -> str:
    state = turn.state
    turn.change(finished=False, verdict="", refusals=state.refusals + 1)
    node = turn.flow.nodes.get(state.node)
    if node is not None and isinstance(node.kind, Transfer):
        return node.kind.refused(turn, node)
    turn.say("nobody_free")
    return turn.flow.home


def _returned(turn: Turn) -> str:
    turn.change(finished=False, verdict="")
    node = turn.flow.nodes.get(turn.state.node)
    if node is not None and isinstance(node.kind, Transfer):
        return node.kind.returned(turn, node)
    return turn.flow.home


def _asks_agent(turn: Turn) -> bool:
    node = turn.flow.nodes.get(turn.state.node)
    return node is not None and isinstance(node.kind, Transfer) and node.config.attended


def _ask_agent_again(turn: Turn) -> str:
    """The agent who was asked went with the worker that asked."""
    turn.change(finished=False, verdict="", silence=0)
    turn.say("resumed")
    return turn.state.node


def _replied(turn: Turn, what: Input) -> str | None:
    node = turn.flow.nodes[turn.state.node]
    if isinstance(node.kind, AwaitingKind):
        return node.kind.replied(turn, node, what)
    turn.change(pending=None)
    return turn.flow.home


def _wait_for_the_end(turn: Turn) -> None:
    """Nothing changes: the call is being ended or handed over."""
    verdict = turn.state.verdict
    turn.same_wait = True
    if verdict in turn.flow.transfer_destinations:
        turn.wait(TransferTo(destination=verdict))
    else:
        turn.wait(HangUp())


def _wait_on(turn: Turn) -> str | None:
    """Nothing changes: go on waiting for what is waited for."""
    state = turn.state
    node: Node[Any] = turn.flow.nodes[state.node]
    turn.same_wait = True
    if state.pending is not None and isinstance(node.kind, AwaitingKind):
        node.kind.wait_on(turn, node, state.pending)
    elif isinstance(node.kind, AskingKind):
        turn.listen(question_of(turn, node).expect)
    else:
        turn.same_wait = False
        return turn.flow.home
    return None
