"""What the caller said or keyed, brought to the node that asked.

In this order: an answer beyond doubt, a global intent, a likely answer, another task, small
talk; else it was not understood.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.dialogue.global_intents import begin_task, do_global, find_global
from ivr.dialogue.lexicon import spoken_form
from ivr.dialogue.nodes.kind import AskingKind, Misfit
from ivr.dialogue.repair import OFF_TOPIC, AskingNode, misunderstood, off_topic
from ivr.dialogue.templates import clean

if TYPE_CHECKING:
    from ivr.dialogue.inputs import Keyed, Said
    from ivr.dialogue.turn import Turn

_LONGEST_ENTITY = 200
_MOST_ENTITIES = 16


def hear_keys(turn: Turn, node: AskingNode, keyed: Keyed) -> str | None:
    """Returns the node to go to, or None once the turn waits."""
    kind = node.kind
    assert isinstance(kind, AskingKind)
    answer = kind.keyed(turn, node, keyed)
    if answer is None:
        name = turn.flow.global_keys.get(keyed.digits)
        if name is not None:
            return do_global(turn, node, name)
        answer = Misfit("not_a_choice")
    if isinstance(answer, Misfit):
        return misunderstood(turn, node, answer)
    return kind.accept(turn, node, answer)


def hear_speech(turn: Turn, node: AskingNode, said: Said) -> str | None:
    """Returns the node to go to, or None once the turn waits."""
    meaning, flow = said.interpretation, turn.flow
    kind = node.kind
    assert isinstance(kind, AskingKind)
    if not spoken_form(meaning.text):
        return misunderstood(turn, node, Misfit("not_heard"))
    if not said.asr_confidence >= flow.thresholds.asr:
        return misunderstood(turn, node)
    turn.heard = tuple(
        (entity.kind, clean(entity.value))
        for entity in meaning.entities[:_MOST_ENTITIES]
        if len(entity.value) <= _LONGEST_ENTITY
    )
    answer = kind.certain(turn, node, said)
    if answer is None:
        name = find_global(turn, said)
        if name is not None:
            return do_global(turn, node, name)
        answer = kind.likely(turn, node, said)
    if isinstance(answer, Misfit):
        return misunderstood(turn, node, answer)
    if answer is not None:
        return kind.accept(turn, node, answer)
    return _something_else(turn, node, said)


def _something_else(turn: Turn, node: AskingNode, said: Said) -> str | None:
    meaning, flow = said.interpretation, turn.flow
    target = flow.routes.get(meaning.intent)
    wanted = meaning.intent != turn.state.task and turn.state.language_known
    if target is not None and wanted and meaning.confidence >= flow.thresholds.switch:
        turn.say("all_right")
        begin_task(turn, meaning.intent, turn.heard)
        return target
    if meaning.intent in OFF_TOPIC and turn.understood(meaning):
        return off_topic(turn, node, meaning.intent)
    return misunderstood(turn, node)
