"""voicemail: takes the caller's message, after a tone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from ivr.dialogue.actions import RecordMessage
from ivr.dialogue.faults import did_you_mean
from ivr.dialogue.inputs import MessageRecorded
from ivr.dialogue.nodes.kind import AwaitingKind, FlowFacts, Node, NodeConfig, Outcomes

if TYPE_CHECKING:
    from ivr.dialogue.inputs import Input
    from ivr.dialogue.positions import Path
    from ivr.dialogue.state import PendingRequest
    from ivr.dialogue.turn import Turn


class VoicemailConfig(NodeConfig):
    """`box` is one of the flow's `message_boxes`."""

    box: str
    prompt: str = "leave_message"
    longest_s: int = Field(120, ge=5, le=600)


class Voicemail(AwaitingKind[VoicemailConfig]):
    """Ways out: `kept`; `lost`, where nothing was recorded, by default an agent."""

    name = "voicemail"
    config = VoicemailConfig

    def outcomes(self, config: VoicemailConfig) -> Outcomes:
        """See `NodeKind`."""
        return Outcomes(either=(frozenset({"kept"}),), optional=frozenset({"lost"}))

    def mistakes(
        self, node: Node[VoicemailConfig], facts: FlowFacts
    ) -> Iterator[tuple[Path, str, str]]:
        """See `NodeKind`."""
        box = node.config.box
        if box not in facts.boxes:
            what = f'The message box "{box}" is not on the flow\'s list.'
            yield ("box",), what, did_you_mean(box, facts.boxes)

    def enter(self, turn: Turn, node: Node[VoicemailConfig]) -> str | None:
        """See `NodeKind`."""
        turn.say(node.config.prompt, interruptible=False)
        turn.record(self._recording(node, turn.new_id()), node.id)
        return None

    def wait_on(self, turn: Turn, node: Node[VoicemailConfig], pending: PendingRequest) -> None:
        """See `AwaitingKind`."""
        turn.wait(self._recording(node, pending.request_id))

    def replied(self, turn: Turn, node: Node[VoicemailConfig], what: Input) -> str | None:
        """See `AwaitingKind`."""
        kept = isinstance(what, MessageRecorded) and what.ok
        turn.change(pending=None)
        turn.say("message_kept" if kept else "message_lost")
        if kept:
            return node.next["kept"]
        return node.next.get("lost") or turn.flow.agent or turn.flow.home

    def resumed(self, turn: Turn, node: Node[VoicemailConfig]) -> str | None:
        """See `AwaitingKind`: what the other worker recorded is not known, so once more."""
        return node.id

    def _recording(self, node: Node[VoicemailConfig], message_id: str) -> RecordMessage:
        config = node.config
        return RecordMessage(
            message_id=message_id, box=config.box, longest_ms=config.longest_s * 1000
        )
