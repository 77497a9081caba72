"""A flow, checked and compiled: the graph that the executor walks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ivr.dialogue.faults import FlowError
from ivr.dialogue.flow_check import SMALL_TALK, Checked, check
from ivr.dialogue.flow_file import KnowledgeEntry, Thresholds, VoiceOfLanguage
from ivr.dialogue.flow_graph import reachable
from ivr.dialogue.knowledge import KnowledgeSearch, MakeSearch, WordOverlap
from ivr.dialogue.names import Named, NameList
from ivr.dialogue.nodes.kind import Node, Question
from ivr.dialogue.nodes.slot_filler import SlotFiller
from ivr.dialogue.templates import Text
from ivr.errors import IvrError
from ivr.languages.known import learn


class Edge(NamedTuple):
    """A way from one node to another."""

    source: str
    outcome: str
    target: str


class KnowledgeBase(NamedTuple):
    """A part of the flow's knowledge: its entries by name, and how they are found."""

    entries: Mapping[str, KnowledgeEntry]
    search: KnowledgeSearch


@dataclass(frozen=True, kw_only=True)
class Flow:
    """Immutable but for the memo of questions."""

    name: str
    version: str
    """SHA-256 of the canonical content, in hex: layout and key order play no part."""
    languages: tuple[str, ...]
    nodes: Mapping[str, Node[Any]]
    entry_language_unknown: str
    entry_language_known: str
    home: str
    agent: str | None
    """The node that leads to an agent, if any."""
    thresholds: Thresholds
    routes: Mapping[str, str]
    """Intent to node: what can be asked for anywhere."""
    globals_by_intent: Mapping[str, str]
    global_targets: Mapping[str, str]
    global_keys: Mapping[str, str]
    examples: str | None
    lasting_slots: frozenset[str]
    askers: Mapping[str, str]
    """Slot to the node that asks for it."""
    restorable_slots: frozenset[str]
    """Slots that a later call of the same caller may have again."""
    authentication_slots: frozenset[str]
    unguarded: frozenset[str]
    """The nodes that are come to without a secret or a proof of who the caller is."""
    intent_names: Mapping[str, str]
    """Intent to the template that names it."""
    known_intents: frozenset[str]
    knowledge: Mapping[str, KnowledgeBase]
    entities: tuple[NameList, ...]
    """The names that callers may say, kind by kind."""
    recorded: bool
    """Whether the flow wants its calls recorded."""
    announcement: str | None
    """The template that tells callers so."""
    integrations: tuple[str, ...]
    transfer_destinations: tuple[str, ...]
    callback_numbers: tuple[str, ...]
    voices: Mapping[str, VoiceOfLanguage]
    """Language to the voice that the flow wants for it."""
    texts: Mapping[tuple[str, str], Text] = field(repr=False)
    """(template, language) to text, service prompts included."""
    questions: dict[tuple[str, str, str, bool], Question] = field(
        default_factory=dict, repr=False, compare=False
    )
    """Memo of `repair.question_of`."""

    @classmethod
    def load(cls, path: str | Path, *, search: MakeSearch = WordOverlap) -> Flow:
        """Read and check a flow file, and what further languages stand beside it: `bank.es.json`
        beside `bank.json`, and languages of its own in a folder `languages`. `search` finds answers
        in its knowledge. Raises FlowError, or IvrError where it cannot be read.
        """
        source, beside = read_flow(Path(path))
        return cls.parse(source, file=str(path), beside=beside, search=search)

    @classmethod
    def parse(
        cls,
        source: str,
        *,
        file: str = "flow.json",
        beside: Sequence[tuple[str, str]] = (),
        search: MakeSearch = WordOverlap,
    ) -> Flow:
        """Check and compile the text of a flow file, with its further languages `beside` it as
        (file, text). Raises FlowError.
        """
        checked = check(source, file, beside)
        if checked.faults or checked.document is None:
            raise FlowError(sorted(checked.faults, key=lambda fault: (fault.file, fault.line)))
        return _compiled(checked, search)

    def knows(self, intent: str) -> bool:
        """Whether the intent means anything to this flow."""
        return intent in self.known_intents

    def named(self, text: str, language: str) -> tuple[Named, ...]:
        """The names of the flow's lists in `text`; several of a kind where it could be any."""
        return tuple(found for names in self.entities for found in names.find(text, language))

    def intent_of(self, named: Named) -> str | None:
        """What whoever says this name means, if nothing else is known."""
        lists = (names for names in self.entities if names.kind == named.kind)
        return next((names.intents[named.name] for names in lists), None)

    def text(self, name: str, language: str) -> Text:
        """The text of a template or service prompt. Its presence was checked at loading."""
        return self.texts[name, language]

    @property
    def edges(self) -> tuple[Edge, ...]:
        """Every way from node to node."""
        return tuple(
            Edge(node.id, outcome, target)
            for node in self.nodes.values()
            for outcome, target in node.next.items()
        )


def read_flow(path: Path) -> tuple[str, list[tuple[str, str]]]:
    """The text of a flow file, and (file, text) of each language beside it. Raises IvrError."""
    source = _text_of(path)
    own = path.parent / "languages"
    if own.is_dir():
        learn(own)
    beside = sorted(path.parent.glob(f"{path.stem}.*.json"))
    return source, [(str(each), _text_of(each)) for each in beside]


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise IvrError(
            f"The flow {path} cannot be read: {reason}.",
            remedy="Name a flow file, as in flows/bank.json.",
        ) from None


def _compiled(checked: Checked, search: MakeSearch) -> Flow:
    document = checked.document
    assert document is not None
    entry = document.entry
    targets = {
        name: intent.next
        for name, intent in document.global_intents.items()
        if intent.next is not None
    }
    return Flow(
        name=document.name,
        version=_version(checked.data),
        languages=document.languages,
        nodes=checked.nodes,
        entry_language_unknown=entry.language_unknown or entry.language_known,
        entry_language_known=entry.language_known,
        home=entry.home or entry.language_known,
        agent=targets.get("agent"),
        thresholds=document.thresholds,
        routes=checked.routes,
        globals_by_intent=checked.globals_by_intent,
        global_targets=targets,
        global_keys=document.global_keys,
        examples=document.examples,
        lasting_slots=document.lasting_slots,
        askers={
            slot: node.id
            for node in reversed(checked.nodes.values())
            if node.kind.name == "slot_filler"
            for slot in node.kind.fills(node.config)
        },
        restorable_slots=_restorable(checked) - document.authentication_slots,
        authentication_slots=document.authentication_slots,
        unguarded=_unguarded(checked),
        intent_names=document.intents,
        known_intents=frozenset(
            {
                "",
                *SMALL_TALK,
                *checked.routes,
                *checked.globals_by_intent,
                *(name for node in checked.nodes.values() for name in node.next),
            }
        ),
        knowledge={
            name: KnowledgeBase({entry.name: entry for entry in entries}, search(entries))
            for name, entries in document.knowledge.items()
        },
        entities=tuple(NameList(kind, names) for kind, names in document.entities.items()),
        recorded=document.recording is not None,
        announcement=document.recording.announce if document.recording is not None else None,
        integrations=document.integrations,
        callback_numbers=document.callback_numbers,
        transfer_destinations=document.transfer_destinations,
        voices=document.voices,
        texts=checked.texts,
    )


def _restorable(checked: Checked) -> frozenset[str]:
    """What callers told and was no secret, no sum and no consent."""
    fillers = [node for node in checked.nodes.values() if isinstance(node.kind, SlotFiller)]
    told, never = set[str](), set[str]()
    for node in fillers:
        config = node.config
        fleeting = config.sensitive or config.type in ("amount", "yes_no")
        (never if fleeting else told).update(node.kind.fills(config))
    return frozenset(told - never)


def _unguarded(checked: Checked) -> frozenset[str]:
    document = checked.document
    assert document is not None
    guards = {
        name
        for name, node in checked.nodes.items()
        if getattr(node.config, "sensitive", False)
        or node.kind.fills(node.config) & document.authentication_slots
    }
    ways = {
        name: () if name in guards else tuple(node.next.values())
        for name, node in checked.nodes.items()
    }
    entry = document.entry
    starts = [entry.language_known, entry.language_unknown, entry.home, *checked.routes.values()]
    starts += [intent.next for intent in document.global_intents.values()]
    return frozenset(reachable(ways, [start for start in starts if start is not None]))


def _version(data: Any) -> str:
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()
