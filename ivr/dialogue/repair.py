"""The ladder of repair: what is said when a caller was not understood, said nothing, or wants
what is not on offer.

    not understood    1 in other words, 2 by keys, 3 an agent
    silence           1 the question again, 2 "are you still there?", 3 goodbye
    out of scope      what can be asked; after a few, as if not understood
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ivr.dialogue.nodes.kind import AskingKind, Misfit, Node, Question

if TYPE_CHECKING:
    from ivr.dialogue.turn import Turn

_LAST_MISUNDERSTANDING = 3
"""At this one an agent takes over."""
_DETOURS = 3
"""From this one on, what is out of scope counts as not understood."""
_REFUSALS = 2
"""Transfers refused in a call after which no more are made unasked."""
LAST_SILENCE = 3
"""At this rung the call ends."""

AskingNode = Node[Any]
"""A node whose kind is an AskingKind."""


def question_of(turn: Turn, node: AskingNode) -> Question:
    """What `node` asks now; made once for each language, phase and way of answering."""
    state = turn.state
    key = (node.id, state.language, state.phase, state.language in state.speech_languages)
    question = turn.flow.questions.get(key)
    if question is None:
        kind = node.kind
        assert isinstance(kind, AskingKind)
        question = turn.flow.questions[key] = kind.question(turn, node)
    return question


def ask(turn: Turn, node: AskingNode) -> None:
    """Put the node's question, as the caller can answer it, and listen."""
    question = question_of(turn, node)
    if question.expect.speech or question.keys is None:
        turn.say(question.prompt, interruptible=node.config.interruptible)
    else:
        _by_keys(turn, question)
    turn.listen(question.expect)


def repeat(turn: Turn, node: AskingNode) -> None:
    """Say again what was said last, the node's question at its end, and listen."""
    if turn.state.spoken:
        turn.say_again()
        turn.listen(question_of(turn, node).expect)
    else:
        ask(turn, node)


def ask_in_other_words(turn: Turn, node: AskingNode) -> None:
    """Put the question again, shorter or plainer, and listen."""
    question = question_of(turn, node)
    if question.expect.speech or question.keys is None:
        turn.say(question.reprompt)
    else:
        _by_keys(turn, question)
    turn.listen(question.expect)


def misunderstood(turn: Turn, node: AskingNode, misfit: Misfit | None = None) -> str | None:
    """Go one rung down. Returns the node to go to, or None when the question was put again."""
    rung = turn.state.misunderstood + 1
    if rung >= _LAST_MISUNDERSTANDING:
        return to_agent(turn)
    turn.change(misunderstood=rung)
    why = misfit or Misfit("not_understood")
    if rung == 1:
        turn.say(why.why, dict(why.values))
        ask_in_other_words(turn, node)
        return None
    question = question_of(turn, node)
    if misfit is None and question.expect.speech and question.keys is not None:
        turn.say("still_not_understood")
    else:
        turn.say(why.why, dict(why.values))
    _by_keys(turn, question)
    turn.listen(question.expect)
    return None


def to_agent(turn: Turn) -> str | None:
    """The last rung: an agent, where there is one; else an honest goodbye."""
    agent = turn.flow.agent
    state = turn.state
    if agent is not None and agent != state.node and state.refusals < _REFUSALS:
        return agent
    turn.say("no_agent", interruptible=False)
    turn.hang_up()
    return None


def silent(turn: Turn, node: AskingNode, rung: int) -> str | None:
    """The caller stays silent. Returns the node to go to, or None."""
    turn.change(silence=rung)
    kind = node.kind
    assert isinstance(kind, AskingKind)
    instead = kind.after_silence(turn, node, rung)
    if instead is not None:
        return instead
    if rung <= 1:
        ask_in_other_words(turn, node)
        return None
    question = question_of(turn, node)
    turn.say("still_there")
    _by_keys(turn, question)
    turn.listen(question.expect)
    return None


def say_goodbye_to_silence(turn: Turn) -> None:
    """The last rung of silence."""
    turn.change(silence=LAST_SILENCE)
    turn.say("silent_goodbye", interruptible=False)
    turn.hang_up()


def off_topic(turn: Turn, node: AskingNode, intent: str) -> str | None:
    """A courtesy, or something this flow does not do: answered, not counted as a failure as
    long as there are few.
    """
    detours = turn.state.detours + 1
    if detours >= _DETOURS:
        return misunderstood(turn, node)
    turn.change(detours=detours)
    turn.say(OFF_TOPIC[intent])
    question = question_of(turn, node)
    if intent == "out_of_scope":
        examples = question.help or turn.flow.examples
        if examples is not None:
            turn.say(examples)
    ask_in_other_words(turn, node)
    return None


OFF_TOPIC: Mapping[str, str] = {
    "greet": "greeted",
    "thank": "thanked",
    "out_of_scope": "out_of_scope",
}
"""Intent to the service prompt that answers it."""


def help_with(turn: Turn, node: AskingNode) -> None:
    """Say what can be said here, and put the question again."""
    question = question_of(turn, node)
    if question.help is not None and turn.by_speech:
        turn.say(question.help)
    turn.say("help" if turn.by_speech else "help_by_keys")
    ask_in_other_words(turn, node)


def _by_keys(turn: Turn, question: Question) -> None:
    if question.keys is None or not question.keys_suffice:
        turn.say(question.prompt)
    if question.keys is not None:
        turn.say(question.keys, dict(question.keys_values))
