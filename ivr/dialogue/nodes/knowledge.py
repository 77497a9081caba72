"""knowledge: answers questions from what the flow knows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from ivr.dialogue.context import note_topic
from ivr.dialogue.faults import did_you_mean
from ivr.dialogue.nodes.expecting import ONE_KEY, expect
from ivr.dialogue.nodes.kind import (
    AskingConfig,
    AskingKind,
    FlowFacts,
    Misfit,
    Node,
    Outcomes,
    Question,
)
from ivr.dialogue.repair import ask, to_agent

if TYPE_CHECKING:
    from ivr.dialogue.inputs import Keyed, Said
    from ivr.dialogue.positions import Path
    from ivr.dialogue.turn import Turn


class KnowledgeConfig(AskingConfig):
    """`base` is a part of the flow's `knowledge`; an entry that fits less well than `least` is
    no answer. A sentence that leads here is answered at once where it can be, else `prompt` asks
    what the caller would like to know, as it does where two entries fit about as well;
    `keys_prompt` tells the keys of the entries.
    """

    base: str
    least: float = Field(0.5, gt=0, le=1)


_AS_WELL = 0.95
"""An entry fits about as well as the best one from this share of its likeness on."""


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
        found = self._fitting(turn, node, turn.sentence) if turn.sentence else ()
        if len(found) == 1:
            return self.accept(turn, node, found[0])
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

    def likely(self, turn: Turn, node: Node[KnowledgeConfig], said: Said) -> str | Misfit | None:
        """See `AskingKind`."""
        meaning = said.interpretation
        leads = turn.flow.routes.get(meaning.intent)
        if leads not in (None, node.id) and meaning.confidence >= turn.flow.thresholds.switch:
            return None
        found = self._fitting(turn, node, meaning.text)
        if len(found) == 1:
            return found[0]
        if found:
            return Misfit("several")
        asked_here = leads == node.id and turn.understood(meaning)
        return Misfit("not_known") if asked_here else None

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

    def _fitting(self, turn: Turn, node: Node[KnowledgeConfig], question: str) -> tuple[str, ...]:
        """The entries that answer `question` about equally well: none, one, or several."""
        base = turn.flow.knowledge[node.config.base]
        named = {one.name for one in turn.flow.named(question, turn.state.language)}
        if here := tuple(name for name in base.entries if name in named):
            return here
        found = base.search.find(question, turn.state.language)
        best = found[0].score if found else 0.0
        if best < node.config.least:
            return ()
        near = [one.name for one in found if one.score >= _AS_WELL * best]
        return tuple(name for name in near if name in base.entries)
