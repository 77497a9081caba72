"""knowledge: answers questions from what the flow knows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from ivr.dialogue.context import note_topic
from ivr.dialogue.faults import did_you_mean
from ivr.dialogue.nodes.expecting import ONE_KEY, expect
from ivr.dialogue.nodes.kind import AskingConfig, AskingKind, FlowFacts, Node, Outcomes, Question
from ivr.dialogue.repair import ask, to_agent

if TYPE_CHECKING:
    from ivr.dialogue.inputs import Keyed, Said
    from ivr.dialogue.positions import Path
    from ivr.dialogue.turn import Turn


class KnowledgeConfig(AskingConfig):
    """`base` is a part of the flow's `knowledge`; an entry that fits less well than `least` is
    no answer. A sentence that leads here is answered at once where it can be, else `prompt` asks
    what the caller would like to know; `keys_prompt` tells the keys of the entries.
    """

    base: str
    least: float = Field(0.5, gt=0, le=1)


class Knowledge(AskingKind[KnowledgeConfig]):
    """Way out: `answered`."""

    name = "knowledge"
    config = KnowledgeConfig

    def outcomes(self, config: KnowledgeConfig) -> Outcomes:
        """See `NodeKind`."""
        return Outcomes(either=(frozenset({"answered"}),))

    def mistakes(
        self, node: Node[KnowledgeConfig], facts: FlowFacts
    ) -> Iterator[tuple[Path, str, str]]:
        """See `NodeKind`."""
        base = node.config.base
        if base not in facts.knowledge:
            what = f'The flow has no knowledge "{base}".'
            yield ("base",), what, did_you_mean(base, facts.knowledge)

    def enter(self, turn: Turn, node: Node[KnowledgeConfig]) -> str | None:
        """See `NodeKind`."""
        known = self._find(turn, node, turn.sentence) if turn.sentence else None
        if known is not None:
            return self.accept(turn, node, known)
        if not turn.by_speech and node.config.keys_prompt is None:
            return to_agent(turn)
        ask(turn, node)
        return None

    def question(self, turn: Turn, node: Node[KnowledgeConfig]) -> Question:
        """See `AskingKind`."""
        config = node.config
        return Question(
            prompt=config.prompt,
            reprompt=config.reprompt or config.prompt,
            keys=config.keys_prompt,
            keys_suffice=True,
            help=config.help,
            expect=expect(turn, keys=ONE_KEY),
        )

    def certain(self, turn: Turn, node: Node[KnowledgeConfig], said: Said) -> str | None:
        """See `AskingKind`."""
        return None

    def likely(self, turn: Turn, node: Node[KnowledgeConfig], said: Said) -> str | None:
        """See `AskingKind`."""
        return self._find(turn, node, said.interpretation.text)

    def keyed(self, turn: Turn, node: Node[KnowledgeConfig], keyed: Keyed) -> str | None:
        """See `AskingKind`."""
        entries = turn.flow.knowledge[node.config.base].entries
        return next((one.name for one in entries.values() if one.key == keyed.digits), None)

    def accept(self, turn: Turn, node: Node[KnowledgeConfig], answer: str) -> str | None:
        """See `AskingKind`."""
        entry = turn.flow.knowledge[node.config.base].entries[answer]
        # The question is answered: what follows listens for another.
        turn.sentence = ""
        turn.say(entry.answer)
        note_topic(turn, entry.more)
        return node.next["answered"]

    def _find(self, turn: Turn, node: Node[KnowledgeConfig], question: str) -> str | None:
        base = turn.flow.knowledge[node.config.base]
        found = base.search.find(question, turn.state.language)
        good = bool(found) and found[0].score >= node.config.least
        return found[0].name if good and found[0].name in base.entries else None
