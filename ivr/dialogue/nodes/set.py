"""set: fills slots, or lets go of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pydantic import Field

from ivr.dialogue.nodes.kind import Node, NodeConfig, NodeKind, Outcomes, Use
from ivr.dialogue.templates import source_text

if TYPE_CHECKING:
    from ivr.dialogue.turn import Turn


class SetConfig(NodeConfig):
    """`values` maps slots to template sources; `forget` names slots to be emptied."""

    values: Mapping[str, str] = Field(default_factory=dict)
    forget: tuple[str, ...] = ()


class Set(NodeKind[SetConfig]):
    """Way out: `done`."""

    name = "set"
    config = SetConfig
    spoken_fields = ()

    def outcomes(self, config: SetConfig) -> Outcomes:
        """See `NodeKind`."""
        return Outcomes(either=(frozenset({"done"}),))

    def uses(self, config: SetConfig) -> Iterator[Use]:
        """See `NodeKind`."""
        for slot, source in config.values.items():
            yield Use(path=("values", slot), source=source)

    def fills(self, config: SetConfig) -> frozenset[str]:
        """See `NodeKind`."""
        return frozenset(config.values)

    def known_after(
        self, config: SetConfig, outcome: str, before: frozenset[str]
    ) -> frozenset[str]:
        """See `NodeKind`."""
        return (before - set(config.forget)) | set(config.values)

    def enter(self, turn: Turn, node: Node[SetConfig]) -> str | None:
        """See `NodeKind`."""
        config, slots = node.config, turn.state.slots
        values = {slot: source_text(text).fill(slots) for slot, text in config.values.items()}
        kept = {name: one for name, one in slots.items() if name not in config.forget}
        turn.change(slots={**kept, **values})
        return node.next["done"]
