"""condition: goes one way or another, by what the slots hold."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ivr.dialogue.faults import did_you_mean
from ivr.dialogue.nodes.kind import FlowFacts, Node, NodeConfig, NodeKind, Outcomes

if TYPE_CHECKING:
    from ivr.dialogue.positions import Path
    from ivr.dialogue.turn import Turn

ELSE = "else"


class Case(BaseModel):
    """A way, and what `slot` has to hold for it: exactly one of the tests. Numbers are compared as
    numbers; a slot that is not filled holds nothing. The slot `language` is the one spoken.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    slot: str
    equals: str | None = None
    one_of: tuple[str, ...] | None = None
    less_than: str | None = None
    more_than: str | None = None
    filled: bool | None = None

    @model_validator(mode="after")
    def _one_test(self) -> Case:
        tests = (self.equals, self.one_of, self.less_than, self.more_than, self.filled)
        if sum(test is not None for test in tests) != 1:
            raise ValueError("one of equals, one_of, less_than, more_than or filled is needed")
        for limit in (self.less_than, self.more_than):
            if limit is not None and _number(limit) is None:
                raise ValueError("only numbers are less or more")
        return self

    def holds(self, value: str | None) -> bool:
        """Whether the slot's value, None where it has none, passes the test."""
        if self.filled is not None:
            return (value is not None) is self.filled
        if self.equals is not None:
            return value == self.equals
        if self.one_of is not None:
            return value in self.one_of
        number = _number(value) if value is not None else None
        if number is None:
            return False
        if self.less_than is not None:
            return number < Decimal(self.less_than)
        return number > Decimal(self.more_than or 0)


class ConditionConfig(NodeConfig):
    """`cases` are tried in order; the first that holds names the way."""

    cases: tuple[Case, ...] = Field(min_length=1)


class Condition(NodeKind[ConditionConfig]):
    """Ways out: the names of the cases, and `else`."""

    name = "condition"
    config = ConditionConfig
    spoken_fields = ()

    def outcomes(self, config: ConditionConfig) -> Outcomes:
        """See `NodeKind`."""
        return Outcomes(either=(frozenset({ELSE, *(case.name for case in config.cases)}),))

    def mistakes(
        self, node: Node[ConditionConfig], facts: FlowFacts
    ) -> Iterator[tuple[Path, str, str]]:
        """See `NodeKind`."""
        known = facts.slots | {"language"}
        for place, case in enumerate(node.config.cases):
            if case.slot not in known:
                what = f'No node fills the slot "{case.slot}".'
                yield ("cases", place, "slot"), what, did_you_mean(case.slot, known)

    def known_after(
        self, config: ConditionConfig, outcome: str, before: frozenset[str]
    ) -> frozenset[str]:
        """See `NodeKind`: a test that a slot has passed says that it is filled."""
        return before | {
            case.slot for case in config.cases if case.name == outcome and case.filled is not False
        }

    def enter(self, turn: Turn, node: Node[ConditionConfig]) -> str | None:
        """See `NodeKind`."""
        values = {"language": turn.state.language, **turn.state.slots}
        for case in node.config.cases:
            if case.holds(values.get(case.slot)):
                return node.next[case.name]
        return node.next[ELSE]


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
