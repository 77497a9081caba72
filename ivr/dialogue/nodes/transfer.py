"""transfer: hands the caller to a destination of the flow's list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ivr.dialogue.faults import did_you_mean
from ivr.dialogue.nodes.kind import FlowFacts, Node, NodeConfig, NodeKind, Outcomes

if TYPE_CHECKING:
    from ivr.dialogue.positions import Path
    from ivr.dialogue.turn import Turn


class TransferConfig(NodeConfig):
    """`destination` is a name that the switch's dialplan knows."""

    destination: str
    prompt: str | None = None


class Transfer(NodeKind[TransferConfig]):
    """Way out: `refused`, when the switch would not; by default the flow's home."""

    name = "transfer"
    config = TransferConfig
    ends = True

    def outcomes(self, config: TransferConfig) -> Outcomes:
        """See `NodeKind`."""
        return Outcomes(optional=frozenset({"refused"}))

    def mistakes(
        self, node: Node[TransferConfig], facts: FlowFacts
    ) -> Iterator[tuple[Path, str, str]]:
        """See `NodeKind`."""
        config = node.config
        if config.destination not in facts.destinations:
            yield (
                ("destination",),
                f'Transfer destination "{config.destination}" is not on the flow\'s list.',
                did_you_mean(config.destination, facts.destinations),
            )

    def enter(self, turn: Turn, node: Node[TransferConfig]) -> str | None:
        """See `NodeKind`."""
        if node.config.prompt is not None:
            turn.say(node.config.prompt, interruptible=False)
        turn.transfer(node.config.destination)
        return None

    def refused(self, turn: Turn, node: Node[TransferConfig]) -> str:
        """The switch would not: say so, and offer another way."""
        turn.say("nobody_free")
        return node.next.get("refused") or turn.flow.home
