"""subflow: goes through nodes that several places of the flow use; see `ivr.dialogue.subflows`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.dialogue.nodes.kind import Node, NodeConfig, NodeKind, Outcomes

if TYPE_CHECKING:
    from ivr.dialogue.turn import Turn


class SubflowConfig(NodeConfig):
    """`flow` names one of the flow's `subflows`."""

    flow: str


class Subflow(NodeKind[SubflowConfig]):
    """Ways out: the names by which the subflow is left ("@name")."""

    name = "subflow"
    config = SubflowConfig
    spoken_fields = ()

    def outcomes(self, config: SubflowConfig) -> Outcomes:
        """See `NodeKind`."""
        return Outcomes(any_name=True)

    def enter(self, turn: Turn, node: Node[SubflowConfig]) -> str | None:
        """See `NodeKind`."""
        return node.next["in"]
