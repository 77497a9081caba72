"""menu: a few options, by key and by phrase at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from ivr.dialogue.faults import did_you_mean
from ivr.dialogue.nodes.expecting import expect
from ivr.dialogue.nodes.kind import AskingConfig, AskingKind, FlowFacts, Node, Outcomes, Question
from ivr.dialogue.nodes.options import (
    Option,
    by_contained_phrase,
    by_exact_phrase,
    by_key,
    key_entry,
    option_mistakes,
    phrases_of,
    set_by_all,
)
from ivr.dialogue.repair import ask

if TYPE_CHECKING:
    from ivr.dialogue.inputs import Keyed, Said
    from ivr.dialogue.positions import Path
    from ivr.dialogue.turn import Turn

LANGUAGE = "language"
"""The name in `set` that switches the language instead of filling a slot."""
_SILENCE_FOR_DEFAULT = 2


class MenuConfig(AskingConfig):
    """`default` names the option that is taken after two silences. "language" in the `set` of an
    option switches the language.
    """

    options: tuple[Option, ...] = Field(min_length=1)
    default: str | None = None


class Menu(AskingKind[MenuConfig]):
    """Ways out: one for each option, named like it; or `done` for all."""

    name = "menu"
    config = MenuConfig

    def outcomes(self, config: MenuConfig) -> Outcomes:
        """See `NodeKind`."""
        names = frozenset(option.name for option in config.options)
        return Outcomes(either=(names, frozenset({"done"})))

    def fills(self, config: MenuConfig) -> frozenset[str]:
        """See `NodeKind`."""
        return frozenset(name for option in config.options for name in option.set) - {LANGUAGE}

    def known_after(
        self, config: MenuConfig, outcome: str, before: frozenset[str]
    ) -> frozenset[str]:
        """See `NodeKind`."""
        return before | (set_by_all(config.options, outcome) - {LANGUAGE})

    def mistakes(self, node: Node[MenuConfig], facts: FlowFacts) -> Iterator[tuple[Path, str, str]]:
        """See `NodeKind`."""
        config = node.config
        for path, what, suggestion in option_mistakes(config.options, facts.languages):
            yield ("options", *path), what, suggestion
        names = [option.name for option in config.options]
        if config.default is not None and config.default not in names:
            what = f'The default "{config.default}" is none of the options.'
            yield ("default",), what, did_you_mean(config.default, names)
        for place, option in enumerate(config.options):
            language = option.set.get(LANGUAGE)
            if language is not None and language not in facts.languages:
                yield (
                    ("options", place, "set", LANGUAGE),
                    f'The flow does not speak "{language}".',
                    did_you_mean(language, facts.languages),
                )

    def enter(self, turn: Turn, node: Node[MenuConfig]) -> str | None:
        """See `NodeKind`."""
        ask(turn, node)
        return None

    def question(self, turn: Turn, node: Node[MenuConfig]) -> Question:
        """See `AskingKind`."""
        config = node.config
        return Question(
            prompt=config.prompt,
            reprompt=config.reprompt or config.prompt,
            keys=config.keys_prompt or config.prompt,
            keys_suffice=True,
            help=config.help,
            expect=expect(
                turn,
                phrases=phrases_of(config.options, turn.state.language),
                keys=key_entry(config.options),
            ),
        )

    def certain(self, turn: Turn, node: Node[MenuConfig], said: Said) -> str | None:
        """See `AskingKind`."""
        text = said.interpretation.text
        return by_exact_phrase(node.config.options, turn.state.language, text)

    def likely(self, turn: Turn, node: Node[MenuConfig], said: Said) -> str | None:
        """See `AskingKind`."""
        text = said.interpretation.text
        return by_contained_phrase(node.config.options, turn.state.language, text)

    def keyed(self, turn: Turn, node: Node[MenuConfig], keyed: Keyed) -> str | None:
        """See `AskingKind`."""
        return by_key(node.config.options, keyed.digits)

    def after_silence(self, turn: Turn, node: Node[MenuConfig], rung: int) -> str | None:
        """See `AskingKind`."""
        default = node.config.default
        if default is None or rung < _SILENCE_FOR_DEFAULT:
            return None
        return self.accept(turn, node, default)

    def accept(self, turn: Turn, node: Node[MenuConfig], answer: str) -> str | None:
        """See `AskingKind`."""
        chosen = next(option for option in node.config.options if option.name == answer)
        values = dict(chosen.set)
        language = values.pop(LANGUAGE, None)
        if values:
            turn.change(slots={**turn.state.slots, **values})
        if language is not None:
            turn.speak(language)
        return node.leads(answer, "done")
