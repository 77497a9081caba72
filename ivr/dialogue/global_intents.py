"""What a caller may want at any moment, without it being drawn in the flow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ivr.dialogue.asides import language_mentioned
from ivr.dialogue.context import begin_other, tell_more
from ivr.dialogue.ladder import Trouble
from ivr.dialogue.lexicon import global_intent, spoken_form
from ivr.dialogue.repair import (
    AskingNode,
    ask,
    ask_in_other_words,
    help_with,
    misunderstood,
    question_of,
    repeat,
    to_agent,
)
from ivr.dialogue.tasks import begin_task, forget_task

if TYPE_CHECKING:
    from ivr.dialogue.inputs import Said
    from ivr.dialogue.returning import Returning
    from ivr.dialogue.turn import Turn

GLOBAL_INTENTS = (
    "help",
    "repeat",
    "slower",
    "agent",
    "goodbye",
    "cancel",
    "go_back",
    "start_over",
    "change_language",
    "callback",
    "tell_more",
    "other_one",
    "go_on",
)
DEFAULT_INTENTS = {name: name for name in GLOBAL_INTENTS} | {"agent": "talk_to_agent"}
"""The intents of the interpreter that mean them, where the flow says nothing else."""


def find_global(turn: Turn, said: Said) -> str | None:
    """The global intent that was said: one of its phrases, or an intent we are sure of."""
    meaning = said.interpretation
    by_phrase = global_intent(spoken_form(meaning.text), turn.state.language)
    if by_phrase is not None:
        return by_phrase
    if meaning.confidence >= turn.flow.thresholds.nlu:
        return turn.flow.globals_by_intent.get(meaning.intent)
    return None


def do_global(turn: Turn, node: AskingNode, name: str) -> str | None:
    """Do it. Returns the node to go to, or None once the turn waits."""
    target = turn.flow.global_targets.get(name)
    if target == node.id:
        target = None
    if name in ("cancel", "start_over"):
        forget_task(turn, keep_lasting=name == "cancel")
        turn.change(trail=())
        turn.say("all_right")
        return target or turn.flow.home
    return target or _BUILT_IN[name](turn, node)


def change_language(turn: Turn, node: AskingNode, language: str) -> str | None:
    """Speak `language` from now on, and put the question again in it."""
    turn.change(aside="")
    turn.speak(language)
    ask(turn, node)
    return None


def settle_aside(turn: Turn, node: AskingNode, answer: str) -> str | None:
    """Take the answer to a question of our own. Returns the node to go to, or None."""
    state = turn.state
    aside, back = state.aside, state.returning
    turn.change(aside="", between=(), returning=None, misunderstood=0)
    if aside == "language":
        return change_language(turn, node, answer)
    if aside == "which":
        begin_task(turn, answer, state.offered)
        return turn.flow.routes.get(answer, turn.flow.home)
    if answer == "yes" and back is not None:
        turn.say("all_right")
        return go_on_with(turn, back)
    return turn.flow.entry_language_known


def go_on_with(turn: Turn, back: Returning) -> str:
    """Where a caller who rang before goes on. What must not be restored is not in `back`."""
    flow = turn.flow
    turn.change(slots={**turn.state.slots, **back.slots}, task=back.task, topics=back.topics)
    at_step = back.how == "step" and back.node in flow.nodes
    return back.node if at_step else flow.routes.get(back.task, flow.home)


def _help(turn: Turn, node: AskingNode) -> str | None:
    help_with(turn, node)
    return None


def _slower(turn: Turn, node: AskingNode) -> str | None:
    turn.change(slow=True)
    repeat(turn, node)
    return None


def _change_language(turn: Turn, node: AskingNode) -> str | None:
    """To the language that was named, to the other where there are two, else to the one that the
    caller chooses.
    """
    state, languages = turn.state, turn.flow.languages
    named = language_mentioned(turn, turn.sentence)
    if named is None and len(languages) == 2 and state.language in languages:
        named = languages[1 - languages.index(state.language)]
    if named is not None:
        return change_language(turn, node, named)
    turn.change(aside="language" if len(languages) > 1 else "")
    ask(turn, node)
    return None


def _callback(turn: Turn, node: AskingNode) -> str | None:
    """Where that is asked about already, or where the flow calls nobody back."""
    if turn.flow.global_targets.get("callback") == node.id:
        ask(turn, node)
        return None
    return misunderstood(turn, node, trouble=Trouble.UNKNOWN_INTENT)


def _tell_more(turn: Turn, node: AskingNode) -> str | None:
    if tell_more(turn):
        ask_in_other_words(turn, node)
    else:
        ask(turn, node)
    return None


def _other_one(turn: Turn, node: AskingNode) -> str | None:
    target = begin_other(turn)
    if target is None:
        turn.say("more_about_what")
        ask(turn, node)
    return target


def _go_on(turn: Turn, node: AskingNode) -> str | None:
    """What the caller did not let us say, from the clause that was interrupted."""
    unheard = turn.state.unheard
    if not unheard:
        repeat(turn, node)
        return None
    turn.change(unheard=())
    turn.say_spoken(unheard)
    turn.listen(question_of(turn, node).expect)
    return None


def _agent(turn: Turn, node: AskingNode) -> str | None:
    return to_agent(turn)


def _repeat(turn: Turn, node: AskingNode) -> str | None:
    repeat(turn, node)
    return None


def _goodbye(turn: Turn, node: AskingNode) -> str | None:
    turn.say("goodbye", interruptible=False)
    turn.hang_up()
    return None


def _go_back(turn: Turn, node: AskingNode) -> str | None:
    """To the question before this one; what was answered there is asked again."""
    state = turn.state
    flow = turn.flow
    trail = [place for place in state.trail if place in flow.nodes]
    if state.phase == "confirm":
        trail.append(node.id)
    if trail and trail[-1] == node.id:
        trail.pop()
    if not trail:
        turn.say("no_way_back")
        ask(turn, node)
        return None
    back = flow.nodes[trail.pop()]
    asked_again = node.kind.fills(node.config) | back.kind.fills(back.config)
    turn.change(
        trail=tuple(trail),
        phase="ask",
        slots={name: value for name, value in state.slots.items() if name not in asked_again},
        secrets={name: value for name, value in state.secrets.items() if name not in asked_again},
        offered=(),
        # What was never asked for need not be asked for on the way forth again.
        visits={
            name: asked
            for name, asked in state.visits.items()
            if asked and name not in (node.id, back.id)
        },
    )
    turn.say("all_right")
    return back.id


_BUILT_IN: Mapping[str, Callable[[Turn, AskingNode], str | None]] = {
    "help": _help,
    "repeat": _repeat,
    "slower": _slower,
    "change_language": _change_language,
    "callback": _callback,
    "tell_more": _tell_more,
    "other_one": _other_one,
    "go_on": _go_on,
    "agent": _agent,
    "goodbye": _goodbye,
    "go_back": _go_back,
}
