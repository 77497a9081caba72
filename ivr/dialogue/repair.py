"""What is said and done on each rung of the ladder; which rung does what is in `ladder`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ivr.dialogue.asides import ASIDES
from ivr.dialogue.ladder import Level, Trouble, level
from ivr.dialogue.nodes.kind import AskingKind, Misfit, Node, Question

if TYPE_CHECKING:
    from ivr.dialogue.turn import Turn

_REFUSALS = 2
"""Transfers refused in a call after which no more are made unasked."""
LAST_SILENCE = 3
"""At this rung the call ends."""

AskingNode = Node[Any]
"""A node whose kind is an AskingKind."""


def question_of(turn: Turn, node: AskingNode) -> Question:
    """What is asked now; a node's is made once for each language, phase and way of answering."""
    state = turn.state
    if state.aside:
        return ASIDES[state.aside].question(turn)
    key = (node.id, state.language, state.phase, state.language in state.speech_languages)
    question = turn.flow.questions.get(key)
    if question is None:
        kind = node.kind
        assert isinstance(kind, AskingKind)
        question = turn.flow.questions[key] = kind.question(turn, node)
    return question


def ask(turn: Turn, node: AskingNode) -> None:
    """Put the question, as the caller can answer it, and listen."""
    question = question_of(turn, node)
    if question.expect.speech or question.keys is None:
        _put(turn, question, question.prompt, interruptible=node.config.interruptible)
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
        _put(turn, question, question.reprompt)
    else:
        _by_keys(turn, question)
    turn.listen(question.expect)


def misunderstood(
    turn: Turn,
    node: AskingNode,
    misfit: Misfit | None = None,
    trouble: Trouble = Trouble.NOT_UNDERSTOOD,
) -> str | None:
    """Go one rung down. Returns the node to go to, or None when the question was put again."""
    why = misfit or Misfit("not_understood")
    if misfit is not None and misfit.why != "not_heard" and trouble is Trouble.NOT_UNDERSTOOD:
        trouble = Trouble.MISFIT
    rung = turn.state.misunderstood + 1
    if trouble is Trouble.OUT_OF_SCOPE:
        rung = turn.state.detours
    line = turn.state.line
    if line and trouble is Trouble.NOT_UNDERSTOOD and not turn.state.line_told:
        trouble, why = Trouble.BAD_LINE, Misfit(line)
        turn.change(line_told=True)
    turn.change(misunderstood=rung)
    match level(trouble, rung):
        case Level.AGENT:
            return to_agent(turn)
        case Level.OTHER_PATH:
            question = question_of(turn, node)
            tired = misfit is None and trouble is not Trouble.BAD_LINE
            if tired and question.expect.speech and question.keys is not None:
                turn.say("still_not_understood")
            else:
                turn.say(why.why, dict(why.values))
            _by_keys(turn, question)
            turn.listen(question.expect)
        case Level.SIMPLER:
            turn.say(why.why, dict(why.values))
            _say_examples(turn, node)
            ask(turn, node)
        case Level.HELP:
            turn.say("unknown_intent")
            _say_examples(turn, node)
            ask_in_other_words(turn, node)
        case _:
            turn.say(why.why, dict(why.values))
            ask_in_other_words(turn, node)
    return None


def to_agent(turn: Turn) -> str | None:
    """An agent, where there is one; else an honest goodbye, with a call back where the flow offers
    one and it was not tried already.
    """
    agent = turn.flow.agent
    state = turn.state
    if agent is not None and agent != state.node and state.refusals < _REFUSALS:
        return agent
    callback = turn.flow.global_targets.get("callback")
    if callback is not None and callback not in (state.node, *state.visits):
        turn.say("nobody_free")
        return callback
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
    if level(Trouble.SILENCE, rung) is Level.RETRY:
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
    turn.change(detours=detours)
    if level(Trouble.OUT_OF_SCOPE, detours) is not Level.HELP:
        return misunderstood(turn, node, Misfit(OFF_TOPIC[intent]), Trouble.OUT_OF_SCOPE)
    turn.say(OFF_TOPIC[intent])
    if intent == "out_of_scope":
        _say_examples(turn, node)
    ask_in_other_words(turn, node)
    return None


def insulted(turn: Turn, node: AskingNode) -> str | None:
    """The caller swears at us: answered calmly, twice, and then by a person. What else such a
    sentence asks for has been heard before it comes to this.
    """
    times = turn.state.insults + 1
    turn.change(insults=times)
    if level(Trouble.INSULTED, times) is Level.AGENT:
        return to_agent(turn)
    turn.say("stay_calm")
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


def _say_examples(turn: Turn, node: AskingNode) -> None:
    """What can be said here, else what can be asked of the whole flow."""
    examples = question_of(turn, node).help or turn.flow.examples
    if examples is not None and turn.by_speech:
        turn.say(examples)


def _put(turn: Turn, question: Question, name: str, *, interruptible: bool = True) -> None:
    if not question.each_language:
        turn.say(name, dict(question.values), interruptible=interruptible)
    for language, key in question.each_language:
        turn.say(name, {"key": key}, interruptible=interruptible, language=language, static=True)


def _by_keys(turn: Turn, question: Question) -> None:
    if question.keys is None or not question.keys_suffice:
        _put(turn, question, question.prompt)
    if question.each_language:
        _put(turn, question, question.prompt)
    elif question.keys is not None:
        turn.say(question.keys, dict(question.keys_values))
