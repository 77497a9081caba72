"""Where the dialogue of one call stands, and what speech that comes now is to be understood by.
Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import uuid4

from ivr.clock import Clock
from ivr.dialogue.actions import Expectation, Say
from ivr.dialogue.executor import Step, begin, step
from ivr.dialogue.flow import Flow
from ivr.dialogue.inputs import Input
from ivr.dialogue.state import DialogueState


@dataclass(frozen=True, slots=True)
class Asked:
    """What the caller was asked: the dialogue's state, what it expects, and which of its words
    they interrupted."""

    state: DialogueState
    expect: Expectation
    unheard: tuple[str, ...] = ()


class Standing:
    """The dialogue of one call as it is now, and as it was before its last answer."""

    def __init__(
        self, flow: Flow, clock: Clock, new_id: Callable[[], str] = lambda: uuid4().hex
    ) -> None:
        self.flow = flow
        self.state: DialogueState = begin(flow)
        self.expect = Expectation()
        self.unheard: list[Say] = []
        """What the caller has interrupted and not answered yet."""
        self._clock = clock
        self._new_id = new_id
        self._before: Asked | None = None

    def step(self, state: DialogueState, what: Input) -> Step:
        """Where `what` leads from `state`; changes nothing."""
        today = self._clock.now().date()
        return step(self.flow, state, what, today=today, new_id=self._new_id)

    def asked(self, *, joins: bool) -> Asked:
        """What speech answers; where it `joins` the turn before, what that one answered."""
        if joins and self._before is not None:
            return self._before
        return Asked(self.state, self.expect, tuple(say.text for say in self.unheard))

    def answered(self, asked: Asked) -> None:
        """The caller has answered `asked`, and the dialogue goes on from there."""
        self.state = asked.state
        self._before = asked
        self.unheard = []

    def not_answered(self) -> Sequence[Say]:
        """It was nothing: return what was interrupted, to be said again."""
        again, self.unheard = self.unheard, []
        return again
