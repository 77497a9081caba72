"""survey: asks for a mark from 1 to 5; whoever stays silent is let off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ivr.dialogue.lexicon import lexicon, spoken_form
from ivr.dialogue.nodes.expecting import expect
from ivr.dialogue.nodes.kind import AskingConfig, AskingKind, Node, Outcomes, Question
from ivr.dialogue.repair import ask

if TYPE_CHECKING:
    from ivr.dialogue.inputs import Keyed, Said
    from ivr.dialogue.turn import Turn

_MARKS = ("1", "2", "3", "4", "5")
_SILENCE_FOR_SKIPPING = 2


class SurveyConfig(AskingConfig):
    """The mark, "1" to "5", goes into `slot`."""

    slot: str = Field(pattern=r"^[a-z][a-z0-9_]*$")


class Survey(AskingKind[SurveyConfig]):
    """Ways out: `done`; `skipped` after two silences, by default `done`."""

    name = "survey"
    config = SurveyConfig

    def outcomes(self, config: SurveyConfig) -> Outcomes:
        """See `NodeKind`."""
        return Outcomes(either=(frozenset({"done"}),), optional=frozenset({"skipped"}))

    def fills(self, config: SurveyConfig) -> frozenset[str]:
        """See `NodeKind`."""
        return frozenset({config.slot})

    def known_after(
        self, config: SurveyConfig, outcome: str, before: frozenset[str]
    ) -> frozenset[str]:
        """See `NodeKind`: whoever is silent gives no mark."""
        return before

    def enter(self, turn: Turn, node: Node[SurveyConfig]) -> str | None:
        """See `NodeKind`."""
        ask(turn, node)
        return None

    def question(self, turn: Turn, node: Node[SurveyConfig]) -> Question:
        """See `AskingKind`."""
        config = node.config
        words = lexicon(turn.state.language).speaking.digits
        return Question(
            prompt=config.prompt,
            reprompt=config.reprompt or config.prompt,
            keys=config.keys_prompt or "keys_survey",
            help=config.help,
            expect=expect(turn, phrases=words[1:6]),
        )

    def certain(self, turn: Turn, node: Node[SurveyConfig], said: Said) -> str | None:
        """See `AskingKind`."""
        meaning = said.interpretation
        told = {one.value for one in meaning.entities if one.kind == "digits"}
        words = lexicon(turn.state.language).speaking.digits
        text = spoken_form(meaning.text).split()
        told |= {str(mark) for mark in range(1, 6) if words and words[mark] in text}
        marks = told & set(_MARKS)
        return marks.pop() if len(marks) == 1 and len(told) == 1 else None

    def keyed(self, turn: Turn, node: Node[SurveyConfig], keyed: Keyed) -> str | None:
        """See `AskingKind`."""
        return keyed.digits if keyed.digits in _MARKS else None

    def after_silence(self, turn: Turn, node: Node[SurveyConfig], rung: int) -> str | None:
        """See `AskingKind`."""
        return node.leads("skipped", "done") if rung >= _SILENCE_FOR_SKIPPING else None

    def accept(self, turn: Turn, node: Node[SurveyConfig], answer: str) -> str | None:
        """See `AskingKind`."""
        turn.change(slots={**turn.state.slots, node.config.slot: answer})
        return node.next["done"]
