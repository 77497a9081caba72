"""response: says something and goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.dialogue.context import note_topic
from ivr.dialogue.nodes.kind import Node, NodeConfig, NodeKind, Outcomes

if TYPE_CHECKING:
    from ivr.dialogue.turn import Turn


class ResponseConfig(NodeConfig):
    """`prompt` names a template; `more` one for whoever wants to be told more about it."""

    prompt: str
    more: str | None = None
    interruptible: bool = True


class Response(NodeKind[ResponseConfig]):
    """Way out: `done`."""

    name = "response"
    config = ResponseConfig
    spoken_fields = ("prompt", "more")

    def outcomes(self, config: ResponseConfig) -> Outcomes:
        """See `NodeKind`."""
        return Outcomes(either=(frozenset({"done"}),))

    def enter(self, turn: Turn, node: Node[ResponseConfig]) -> str | None:
        """See `NodeKind`."""
        turn.say(node.config.prompt, interruptible=node.config.interruptible)
        note_topic(turn, node.config.more)
        return node.next["done"]
