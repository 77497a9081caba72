"""What a caller may want at any moment, without it being drawn in the flow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ivr.dialogue.lexicon import global_phrases, spoken_form
from ivr.dialogue.repair import AskingNode, ask, help_with, repeat, to_agent

if TYPE_CHECKING:
    from ivr.dialogue.inputs import Said
    from ivr.dialogue.turn import Turn

GLOBAL_INTENTS = ("help", "repeat", "agent", "goodbye", "cancel", "go_back", "start_over")
DEFAULT_INTENTS = {name: name for name in GLOBAL_INTENTS} | {"agent": "talk_to_agent"}
"""The intents of the interpreter that mean them, where the flow says nothing else."""


def find_global(turn: Turn, said: Said) -> str | None:
    """The global intent that was said: one of its phrases, or an intent we are sure of."""
    meaning = said.interpretation
    by_phrase = global_phrases(turn.state.language).get(spoken_form(meaning.text))
    if by_phrase is not None:
        return by_phrase
    if meaning.confidence >= turn.flow.thresholds.nlu:
        return turn.flow.globals_by_intent.get(meaning.intent)
    return None


def do_global(turn: Turn, node: AskingNode, name: str) -> str | None:
    """Do it. Returns the node to go to, or None once the turn waits."""
    target = turn.flow.global_targets.get(name)
    if name in ("cancel", "start_over"):
        forget_task(turn, keep_lasting=name == "cancel")
        turn.change(trail=())
        turn.say("all_right")
        return target or turn.flow.home
    return target or _BUILT_IN[name](turn, node)


def forget_task(
    turn: Turn, *, keep_lasting: bool, task: str = "", offered: tuple[tuple[str, str], ...] = ()
) -> None:
    """Let go of what the last task was about; lasting slots stay unless all is to go. The next
    task is `task`, for which `offered` was told already.
    """
    state = turn.state
    lasting = turn.flow.lasting_slots if keep_lasting else frozenset()
    turn.change(
        task=task,
        slots={name: value for name, value in state.slots.items() if name in lasting},
        secrets={name: value for name, value in state.secrets.items() if name in lasting},
        offered=offered,
        visits={},
    )


def begin_task(turn: Turn, intent: str, entities: tuple[tuple[str, str], ...]) -> None:
    """Turn to what the caller wants now; what their sentence told already is kept for later."""
    forget_task(turn, keep_lasting=True, task=intent, offered=entities)


def _help(turn: Turn, node: AskingNode) -> str | None:
    help_with(turn, node)
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
    "agent": _agent,
    "goodbye": _goodbye,
    "go_back": _go_back,
}
