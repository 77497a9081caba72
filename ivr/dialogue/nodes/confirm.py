"""confirm: asks whether something is right, or wanted, and goes one way or the other.

Whoever says "no, the savings account" corrects what was told before instead of answering.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.dialogue.lexicon import contains_any, is_any, lexicon, spoken_form
from ivr.dialogue.nodes.expecting import expect
from ivr.dialogue.nodes.kind import AskingConfig, AskingKind, Node, Outcomes, Question
from ivr.dialogue.repair import ask

if TYPE_CHECKING:
    from ivr.dialogue.inputs import Keyed, Said
    from ivr.dialogue.turn import Turn


class ConfirmConfig(AskingConfig):
    """`prompt` reads back what is to be agreed to."""


class Confirm(AskingKind[ConfirmConfig]):
    """Ways out: `yes` and `no`."""

    name = "confirm"
    config = ConfirmConfig

    def outcomes(self, config: ConfirmConfig) -> Outcomes:
        """See `NodeKind`."""
        return Outcomes(either=(frozenset({"yes", "no"}),))

    def enter(self, turn: Turn, node: Node[ConfirmConfig]) -> str | None:
        """See `NodeKind`."""
        ask(turn, node)
        return None

    def question(self, turn: Turn, node: Node[ConfirmConfig]) -> Question:
        """See `AskingKind`."""
        config, words = node.config, lexicon(turn.state.language)
        return Question(
            prompt=config.prompt,
            reprompt=config.reprompt or config.prompt,
            keys=config.keys_prompt or "keys_yes_no",
            help=config.help,
            expect=expect(turn, phrases=(*words.yes, *words.no)),
        )

    def certain(self, turn: Turn, node: Node[ConfirmConfig], said: Said) -> str | None:
        """See `AskingKind`."""
        return yes_or_no_exactly(said.interpretation.text, turn.state.language)

    def likely(self, turn: Turn, node: Node[ConfirmConfig], said: Said) -> str | None:
        """See `AskingKind`."""
        return likely_yes_or_no(turn, said)

    def keyed(self, turn: Turn, node: Node[ConfirmConfig], keyed: Keyed) -> str | None:
        """See `AskingKind`."""
        return {"1": "yes", "2": "no"}.get(keyed.digits)

    def accept(self, turn: Turn, node: Node[ConfirmConfig], answer: str) -> str | None:
        """See `AskingKind`."""
        return node.next[answer]


def yes_or_no_exactly(text: str, language: str) -> str | None:
    """Yes or no, where a phrase for it is all that was said."""
    words, said = lexicon(language), spoken_form(text)
    if is_any(said, words.yes):
        return "yes"
    return "no" if is_any(said, words.no) else None


def likely_yes_or_no(turn: Turn, said: Said) -> str | None:
    """Yes or no, where a sentence holds a phrase for it, or means it; no goes before yes."""
    meaning = said.interpretation
    words, text = lexicon(turn.state.language), spoken_form(meaning.text)
    if contains_any(text, words.no):
        return "no"
    if contains_any(text, words.yes):
        return "yes"
    told = next((one.value for one in meaning.entities if one.kind == "yes_no"), None)
    if told in ("yes", "no"):
        return told
    intent = {"affirm": "yes", "deny": "no"}.get(meaning.intent)
    return intent if turn.understood(meaning) else None
