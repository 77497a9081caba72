"""language: asks for the caller's language, each in its own words, or switches to one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ivr.dialogue.asides import (
    language_by_key,
    language_mentioned,
    language_named,
    language_question,
    language_spoken,
)
from ivr.dialogue.faults import did_you_mean
from ivr.dialogue.nodes.kind import AskingConfig, AskingKind, FlowFacts, Node, Outcomes, Question
from ivr.dialogue.repair import ask

if TYPE_CHECKING:
    from ivr.dialogue.inputs import Keyed, Said
    from ivr.dialogue.positions import Path
    from ivr.dialogue.turn import Turn

_SILENCE_FOR_DEFAULT = 2


class LanguageConfig(AskingConfig):
    """`to` switches without asking. `default` is taken after two silences. `prompt` is said once
    in each language, with {{ key }} for the key that chooses it; keys follow the order of the
    flow's languages.
    """

    prompt: str = "choose_language"
    to: str | None = None
    default: str | None = None


class LanguageNode(AskingKind[LanguageConfig]):
    """Way out: `done`."""

    name = "language"
    config = LanguageConfig
    prompt_values = frozenset({"key"})

    def outcomes(self, config: LanguageConfig) -> Outcomes:
        """See `NodeKind`."""
        return Outcomes(either=(frozenset({"done"}),))

    def mistakes(
        self, node: Node[LanguageConfig], facts: FlowFacts
    ) -> Iterator[tuple[Path, str, str]]:
        """See `NodeKind`."""
        for field in ("to", "default"):
            code = getattr(node.config, field)
            if code is not None and code not in facts.languages:
                what = f'The flow does not speak "{code}".'
                yield (field,), what, did_you_mean(code, facts.languages)

    def enter(self, turn: Turn, node: Node[LanguageConfig]) -> str | None:
        """See `NodeKind`."""
        if node.config.to is not None:
            turn.speak(node.config.to)
            return node.next["done"]
        ask(turn, node)
        return None

    def question(self, turn: Turn, node: Node[LanguageConfig]) -> Question:
        """See `AskingKind`."""
        return language_question(turn, node.config.prompt)

    def certain(self, turn: Turn, node: Node[LanguageConfig], said: Said) -> str | None:
        """See `AskingKind`."""
        return language_named(turn, said.interpretation.text)

    def likely(self, turn: Turn, node: Node[LanguageConfig], said: Said) -> str | None:
        """See `AskingKind`."""
        return language_mentioned(turn, said.interpretation.text) or language_spoken(turn, said)

    def keyed(self, turn: Turn, node: Node[LanguageConfig], keyed: Keyed) -> str | None:
        """See `AskingKind`."""
        return language_by_key(turn, keyed.digits)

    def after_silence(self, turn: Turn, node: Node[LanguageConfig], rung: int) -> str | None:
        """See `AskingKind`."""
        default = node.config.default
        if default is None or rung < _SILENCE_FOR_DEFAULT:
            return None
        return self.accept(turn, node, default)

    def accept(self, turn: Turn, node: Node[LanguageConfig], answer: str) -> str | None:
        """See `AskingKind`."""
        turn.speak(answer)
        return node.next["done"]
