"""callback: asks on which number the caller can be called back, and has it noted, once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from ivr.dialogue.actions import CallApi, DigitEntry
from ivr.dialogue.changes import intend, settle
from ivr.dialogue.dialable import is_emergency, may_dial, normalised
from ivr.dialogue.faults import did_you_mean
from ivr.dialogue.inputs import ApiReplied
from ivr.dialogue.lexicon import lexicon
from ivr.dialogue.nodes.confirm import likely_yes_or_no, yes_or_no_exactly
from ivr.dialogue.nodes.expecting import expect
from ivr.dialogue.nodes.kind import (
    AskingKind,
    AwaitingKind,
    FlowFacts,
    Misfit,
    Node,
    NodeConfig,
    Outcomes,
    Question,
)
from ivr.dialogue.repair import ask
from ivr.dialogue.state import PendingRequest

if TYPE_CHECKING:
    from ivr.dialogue.inputs import Input, Keyed, Said
    from ivr.dialogue.positions import Path
    from ivr.dialogue.turn import Turn

_NUMBER = DigitEntry(least=6, most=15)


class CallbackConfig(NodeConfig):
    """`integration` notes the call back: POST `path` with {"number", "language", "about"}, where
    `about` is the task. The number goes into `slot`. Which numbers may be called the flow's
    `callback_numbers` say.
    """

    integration: str
    path: str = Field("/callbacks", pattern=r"^/([^/].*)?$")
    slot: str = Field("callback_number", pattern=r"^[a-z][a-z0-9_]*$")
    timeout_ms: int = Field(3000, ge=100, le=30_000)
    interruptible: bool = True


class Callback(AskingKind[CallbackConfig], AwaitingKind[CallbackConfig]):
    """Ways out: `booked`; `declined`, by default home; `failed`, where it may not have been noted,
    by default home.
    """

    name = "callback"
    config = CallbackConfig
    spoken_fields = ()

    def outcomes(self, config: CallbackConfig) -> Outcomes:
        """See `NodeKind`."""
        return Outcomes(either=(frozenset({"booked"}),), optional=frozenset({"declined", "failed"}))

    def fills(self, config: CallbackConfig) -> frozenset[str]:
        """See `NodeKind`."""
        return frozenset({config.slot})

    def known_after(
        self, config: CallbackConfig, outcome: str, before: frozenset[str]
    ) -> frozenset[str]:
        """See `NodeKind`."""
        return before if outcome == "declined" else before | {config.slot}

    def mistakes(
        self, node: Node[CallbackConfig], facts: FlowFacts
    ) -> Iterator[tuple[Path, str, str]]:
        """See `NodeKind`."""
        config = node.config
        if config.integration not in facts.integrations:
            what = f'The flow does not list the integration "{config.integration}".'
            yield ("integration",), what, did_you_mean(config.integration, facts.integrations)
        if not facts.callback_numbers:
            what = "The flow does not say which numbers may be called back."
            yield (), what, 'Add "callback_numbers": ["+91"] to the flow.'

    def enter(self, turn: Turn, node: Node[CallbackConfig]) -> str | None:
        """See `NodeKind`."""
        turn.change(
            phase="confirm" if may_dial(turn.state.caller, turn.flow.callback_numbers) else "ask",
            visits={**turn.state.visits, node.id: 1},
        )
        ask(turn, node)
        return None

    def question(self, turn: Turn, node: Node[CallbackConfig]) -> Question:
        """See `AskingKind`."""
        words = lexicon(turn.state.language)
        if turn.state.phase == "confirm":
            return Question(
                prompt="ask_callback_here",
                reprompt="ask_callback_here",
                values=(("number", turn.state.caller),),
                keys="keys_yes_no",
                expect=expect(turn, phrases=(*words.yes, *words.no)),
            )
        return Question(
            prompt="ask_callback_number",
            reprompt="ask_callback_number",
            keys="keys_some_digits",
            keys_values=(("least", str(_NUMBER.least)), ("most", str(_NUMBER.most))),
            expect=expect(turn, phrases=words.digits, keys=_NUMBER),
        )

    def certain(self, turn: Turn, node: Node[CallbackConfig], said: Said) -> str | Misfit | None:
        """See `AskingKind`."""
        if turn.state.phase == "confirm":
            return yes_or_no_exactly(said.interpretation.text, turn.state.language)
        if yes_or_no_exactly(said.interpretation.text, turn.state.language) == "no":
            return "no"
        digits = "".join(kind[1] for kind in turn.heard if kind[0] == "digits")
        return self._number(turn, digits) if len(digits) >= _NUMBER.least else None

    def likely(self, turn: Turn, node: Node[CallbackConfig], said: Said) -> str | None:
        """See `AskingKind`."""
        return likely_yes_or_no(turn, said) if turn.state.phase == "confirm" else None

    def keyed(self, turn: Turn, node: Node[CallbackConfig], keyed: Keyed) -> str | Misfit | None:
        """See `AskingKind`."""
        if turn.state.phase == "confirm":
            return {"1": "yes", "2": "no"}.get(keyed.digits)
        if len(keyed.digits) < 2:
            return None
        return self._number(turn, keyed.digits)

    def accept(self, turn: Turn, node: Node[CallbackConfig], answer: str) -> str | None:
        """See `AskingKind`."""
        state = turn.state
        if answer == "no" and state.phase == "confirm":
            turn.change(phase="ask", misunderstood=0)
            ask(turn, node)
            return None
        if answer == "no":
            return node.next.get("declined") or turn.flow.home
        number = normalised(state.caller if answer == "yes" else answer)
        turn.change(slots={**state.slots, node.config.slot: number})
        intend(turn, node.id, {"number": number})
        request = self._request(turn, node, turn.new_id())
        turn.change(pending=PendingRequest(request_id=request.request_id, node=node.id))
        turn.wait(request)
        return None

    def wait_on(self, turn: Turn, node: Node[CallbackConfig], pending: PendingRequest) -> None:
        """See `AwaitingKind`."""
        turn.wait(self._request(turn, node, pending.request_id))

    def replied(self, turn: Turn, node: Node[CallbackConfig], what: Input) -> str | None:
        """See `AwaitingKind`."""
        turn.change(pending=None)
        if isinstance(what, ApiReplied) and what.ok:
            settle(turn, node.id)
            turn.say("callback_booked")
            return node.next["booked"]
        turn.say("callback_unclear")
        return node.next.get("failed") or turn.flow.home

    def resumed(self, turn: Turn, node: Node[CallbackConfig]) -> str | None:
        """See `AwaitingKind`: the same request under the same key is noted once."""
        request = self._request(turn, node, turn.new_id())
        turn.change(pending=PendingRequest(request_id=request.request_id, node=node.id))
        turn.wait(request)
        return None

    def _number(self, turn: Turn, digits: str) -> str | Misfit:
        allowed = turn.flow.callback_numbers
        if is_emergency(digits) or not may_dial(digits, allowed):
            return Misfit("callback_not_there")
        return digits

    def _request(self, turn: Turn, node: Node[CallbackConfig], request_id: str) -> CallApi:
        config, state = node.config, turn.state
        change = state.changes.get(node.id)
        return CallApi(
            request_id=request_id,
            name=config.integration,
            method="POST",
            path=config.path,
            body={
                "number": state.slots.get(config.slot, ""),
                "language": state.language,
                "about": state.task,
            },
            idempotency_key=change.key if change is not None else None,
            timeout_ms=config.timeout_ms,
        )
