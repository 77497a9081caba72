"""Corrections: "no, the savings account", "no, I mean fifty", said at a later question.

The value is put in place of the one it corrects, and the dialogue goes on from the question that
had asked for it: what follows from the value is done again, what does not is not asked again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.dialogue.lexicon import lexicon, opens_with_any, spoken_form
from ivr.dialogue.nodes.slot_filler import SlotConfig, SlotFiller
from ivr.dialogue.nodes.slot_types import SLOT_TYPES

if TYPE_CHECKING:
    from ivr.dialogue.inputs import Said
    from ivr.dialogue.nodes.kind import Node
    from ivr.dialogue.repair import AskingNode
    from ivr.dialogue.turn import Turn

_NEVER = frozenset({"yes_no", "text"})
"""Types whose values any sentence may hold by chance."""


def correction(turn: Turn, node: AskingNode, said: Said) -> tuple[Node[SlotConfig], str] | None:
    """The question whose answer the sentence corrects, and the value it gives instead; None where
    it corrects nothing that was told in this task.
    """
    text = spoken_form(said.interpretation.text)
    language = turn.state.language
    if not opens_with_any(text, lexicon(language).corrections):
        return None
    for asker in _askers(turn, node):
        config = asker.config
        value = SLOT_TYPES[config.type].spoken(config, said.interpretation, language, turn.today)
        if isinstance(value, str) and value != turn.state.slots[config.slot]:
            return asker, value
    return None


def put_right(turn: Turn, asker: Node[SlotConfig], value: str) -> str | None:
    """Put `value` in place. Returns the node to go on from, None where it is read back first."""
    _forget_what_follows(turn, asker)
    kind = asker.kind
    assert isinstance(kind, SlotFiller)
    turn.change(node=asker.id, phase="ask", misunderstood=0, detours=0, offered=(), aside="")
    return kind.take(turn, asker, value)


def _askers(turn: Turn, node: AskingNode) -> list[Node[SlotConfig]]:
    """The questions of this task whose slots are filled: those for so many digits first, which a
    sum of money rarely has by chance; then the latest.
    """
    state, nodes = turn.state, turn.flow.nodes
    places = [*state.visits, *([node.id] if state.phase == "confirm" else [])]
    found = []
    for name in dict.fromkeys(reversed(places)):
        asker = nodes.get(name)
        if asker is None or not isinstance(asker.kind, SlotFiller):
            continue
        config: SlotConfig = asker.config
        fits = not config.sensitive and config.type not in _NEVER
        if fits and config.slot in state.slots and (name != node.id or state.phase == "confirm"):
            found.append(asker)
    return sorted(found, key=lambda asker: asker.config.digits is None)


def _forget_what_follows(turn: Turn, asker: Node[SlotConfig]) -> None:
    """What was asked after it may be asked again, and what was agreed to after it is no longer."""
    state, nodes = turn.state, turn.flow.nodes
    visited = list(state.visits)
    at = visited.index(asker.id) + 1 if asker.id in visited else len(visited)
    agreed = {
        nodes[name].config.slot
        for name in visited[at:]
        if name in nodes and getattr(nodes[name].config, "type", "") == "yes_no"
    }
    turn.change(
        slots={name: value for name, value in state.slots.items() if name not in agreed},
        visits={name: state.visits[name] for name in visited[:at]},
    )
