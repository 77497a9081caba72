"""intent_router: asks openly what the caller wants, and leads to where that is done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pydantic import Field

from ivr.dialogue.faults import did_you_mean
from ivr.dialogue.global_intents import do_global
from ivr.dialogue.lexicon import lexicon, spoken_form
from ivr.dialogue.nodes.expecting import expect
from ivr.dialogue.nodes.kind import AskingConfig, AskingKind, FlowFacts, Node, Outcomes, Question
from ivr.dialogue.repair import ask
from ivr.dialogue.tasks import begin_task

if TYPE_CHECKING:
    from ivr.dialogue.inputs import Keyed, Said
    from ivr.dialogue.positions import Path
    from ivr.dialogue.turn import Turn


class RouterConfig(AskingConfig):
    """`keys` are the way out for those who cannot be understood: key to intent. `keys_prompt`
    offers them.
    """

    keys_prompt: str
    keys: Mapping[str, str] = Field(min_length=1)


class IntentRouter(AskingKind[RouterConfig]):
    """Ways out: one for each intent, named like it. Intents that another router of the flow
    leads on are understood too.
    """

    name = "intent_router"
    config = RouterConfig

    def outcomes(self, config: RouterConfig) -> Outcomes:
        """See `NodeKind`."""
        return Outcomes(any_name=True)

    def mistakes(
        self, node: Node[RouterConfig], facts: FlowFacts
    ) -> Iterator[tuple[Path, str, str]]:
        """See `NodeKind`."""
        config = node.config
        for key, intent in config.keys.items():
            if intent not in facts.intents and intent not in node.next:
                yield (
                    ("keys", key),
                    f'Key {key} stands for the intent "{intent}", which leads nowhere.',
                    did_you_mean(intent, facts.intents | set(node.next)),
                )
            if len(key) != 1 or key not in "0123456789*":
                yield ("keys", key), f'"{key}" is no key.', "Use one of 0 to 9, or *."

    def enter(self, turn: Turn, node: Node[RouterConfig]) -> str | None:
        """See `NodeKind`."""
        # A new beginning: what was done is done, and is not gone back to.
        turn.change(offered=(), visits={}, trail=())
        ask(turn, node)
        return None

    def question(self, turn: Turn, node: Node[RouterConfig]) -> Question:
        """See `AskingKind`."""
        config = node.config
        return Question(
            prompt=config.prompt,
            reprompt=config.reprompt or config.prompt,
            keys=config.keys_prompt,
            keys_suffice=True,
            help=config.help,
            expect=expect(turn),
        )

    def certain(self, turn: Turn, node: Node[RouterConfig], said: Said) -> str | None:
        """See `AskingKind`."""
        meaning = said.interpretation
        if meaning.intent in node.next and meaning.confidence >= turn.flow.thresholds.nlu:
            return meaning.intent
        words = lexicon(turn.state.language)
        text = spoken_form(meaning.text)
        for intent, phrases in (("affirm", words.yes), ("deny", words.no)):
            if intent in node.next and text in phrases:
                return intent
        return None

    def likely(self, turn: Turn, node: Node[RouterConfig], said: Said) -> str | None:
        """See `AskingKind`."""
        meaning = said.interpretation
        sure = meaning.confidence >= turn.flow.thresholds.nlu
        return meaning.intent if sure and meaning.intent in turn.flow.routes else None

    def keyed(self, turn: Turn, node: Node[RouterConfig], keyed: Keyed) -> str | None:
        """See `AskingKind`."""
        return node.config.keys.get(keyed.digits)

    def accept(self, turn: Turn, node: Node[RouterConfig], answer: str) -> str | None:
        """See `AskingKind`."""
        target = node.next.get(answer) or turn.flow.routes.get(answer)
        if target is None:
            return do_global(turn, node, turn.flow.globals_by_intent[answer])
        begin_task(turn, answer, turn.heard)
        return target
