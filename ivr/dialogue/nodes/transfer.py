"""transfer: hands the caller to a destination of the flow's list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from ivr.dialogue.actions import Consult, TransferTo
from ivr.dialogue.agent_words import what_agents_hear
from ivr.dialogue.faults import did_you_mean
from ivr.dialogue.nodes.kind import FlowFacts, Node, NodeConfig, NodeKind, Outcomes

if TYPE_CHECKING:
    from ivr.dialogue.positions import Path
    from ivr.dialogue.turn import Turn


class TransferConfig(NodeConfig):
    """`destination` is a name that the switch's dialplan knows. With `attended` the agent is asked
    first: rung for `ring_s` seconds, told `summary` (a template that may also use `caller` and
    `caller_language`).
    """

    destination: str
    prompt: str | None = None
    attended: bool = False
    summary: str | None = None
    ring_s: int = Field(default=25, ge=5, le=120)


class Transfer(NodeKind[TransferConfig]):
    """Ways out: `refused`, when the switch or the agent would not, by default the flow's home;
    `returned`, when the agent has hung up: without it the call is over then.
    """

    name = "transfer"
    config = TransferConfig
    spoken_fields = ("prompt", "summary")
    ends = True

    def outcomes(self, config: TransferConfig) -> Outcomes:
        """See `NodeKind`."""
        ways = {"refused", "returned"} if config.attended else {"refused"}
        return Outcomes(optional=frozenset(ways))

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
        if config.summary is not None and not config.attended:
            what = "Nobody hears a summary when the agent is not asked first."
            yield ("summary",), what, 'Add "attended": true, or leave it out.'

    def enter(self, turn: Turn, node: Node[TransferConfig]) -> str | None:
        """See `NodeKind`."""
        if node.config.prompt is not None:
            turn.say(node.config.prompt, interruptible=False)
        if not node.config.attended:
            turn.transfer(node.config.destination)
            return None
        destination = node.config.destination
        turn.change(finished=True, verdict=destination, pending=None)
        turn.wait(TransferTo(destination=destination, consult=self._consult(turn, node)))
        return None

    def refused(self, turn: Turn, node: Node[TransferConfig]) -> str:
        """The switch would not: say so, and offer another way."""
        turn.say("nobody_free")
        return node.next.get("refused") or turn.flow.home

    def returned(self, turn: Turn, node: Node[TransferConfig]) -> str:
        """The agent has hung up, and the caller is here again."""
        return node.next.get("returned") or turn.flow.home

    def _consult(self, turn: Turn, node: Node[TransferConfig]) -> Consult:
        return Consult(
            says=what_agents_hear(turn, node.config.summary),
            ring_s=node.config.ring_s,
            returns="returned" in node.next,
        )
