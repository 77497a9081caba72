"""end: says goodbye and hangs up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.dialogue.nodes.kind import Node, NodeConfig, NodeKind, Outcomes

if TYPE_CHECKING:
    from ivr.dialogue.turn import Turn


class EndConfig(NodeConfig):
    """`prompt` names a template; by default the goodbye of the service prompts."""

    prompt: str = "goodbye"


class End(NodeKind[EndConfig]):
    """No way out."""

    name = "end"
    config = EndConfig
    ends = True

    def outcomes(self, config: EndConfig) -> Outcomes:
        """See `NodeKind`."""
        return Outcomes()

    def enter(self, turn: Turn, node: Node[EndConfig]) -> str | None:
        """See `NodeKind`."""
        turn.say(node.config.prompt, interruptible=False)
        turn.hang_up()
        return None
