"""Everything that can be wrong with a flow file, found before a call meets it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ivr.dialogue.agent_words import SUMMARY_VARIABLES
from ivr.dialogue.dialable import is_emergency, is_premium
from ivr.dialogue.faults import Fault, did_you_mean
from ivr.dialogue.flow_file import FlowFile, NodePart
from ivr.dialogue.flow_graph import reachable, rounds
from ivr.dialogue.flow_languages import Origins, merge_languages
from ivr.dialogue.flow_shape import shape_faults, validated
from ivr.dialogue.flow_texts import compile_texts
from ivr.dialogue.global_intents import DEFAULT_INTENTS, GLOBAL_INTENTS
from ivr.dialogue.names import repeated
from ivr.dialogue.node_kinds import NODE_KINDS
from ivr.dialogue.nodes.kind import FlowFacts, Node, Use
from ivr.dialogue.positions import NotJson, Path, parse
from ivr.dialogue.service_prompts import SERVICE_VARIABLES
from ivr.dialogue.subflows import LEAVES, Placed, exits, expand
from ivr.dialogue.templates import TemplateUnusable, Text

SMALL_TALK = frozenset({"affirm", "deny", "greet", "thank", "give_value", "out_of_scope"})
"""Intents that mean something only as an answer: no task of their own."""


@dataclass(kw_only=True)
class Checked:
    """What was read, and what is wrong with it."""

    data: Any = None
    document: FlowFile | None = None
    nodes: dict[str, Node[Any]] = field(default_factory=dict)
    texts: dict[tuple[str, str], Text] = field(default_factory=dict)
    routes: dict[str, str] = field(default_factory=dict)
    globals_by_intent: dict[str, str] = field(default_factory=dict)
    places: dict[str, Path] = field(default_factory=dict)
    """Where each node stands in the file."""
    origins: Origins | None = None
    faults: list[Fault] = field(default_factory=list)


def check(source: str, file: str, beside: Sequence[tuple[str, str]] = ()) -> Checked:
    """Read a flow file's text, and its further languages `beside` it as (file, text), and look for
    every fault. Never raises.
    """
    checked = Checked()
    try:
        checked.data, lines = parse(source)
    except NotJson as error:
        what = f"This is no JSON: {error.what}."
        checked.faults.append(Fault(file=file, line=error.line, what=what))
        return checked
    checked.origins = Origins(file, lines)
    checked.faults.extend(merge_languages(checked.data, checked.origins, beside))
    _Check(checked, checked.origins).run()
    return checked


class _Check:
    """One pass over one document, from its shape to what its parts mean to one another."""

    def __init__(self, checked: Checked, origins: Origins) -> None:
        self._checked = checked
        self._origins = origins
        self._place = checked.places

    def run(self) -> None:
        checked = self._checked
        document, errors = validated(FlowFile, checked.data)
        for fault in shape_faults(FlowFile, errors):
            self._fault(*fault)
        if document is None:
            return
        checked.document = document
        self._nodes(document)
        texts, wrong = compile_texts(document)
        checked.texts = texts
        for fault in wrong:
            self._fault(*fault)
        self._intents(document)
        self._ways(document)
        self._details(document)
        self._variables(document)
        if not checked.faults:
            self._graph(document)

    def _fault(self, path: Path, what: str, suggestion: str = "") -> None:
        file, line = self._origins.of(path)
        fault = Fault(file=file, line=line, what=what, suggestion=suggestion)
        self._checked.faults.append(fault)

    def _nodes(self, document: FlowFile) -> None:
        seen: dict[str, Path] = {}
        for placed in expand(document):
            if not isinstance(placed, Placed):
                self._fault(placed.path, placed.what, did_you_mean("", placed.known))
                continue
            path = placed.path
            first = seen.setdefault(placed.id, path)
            if first != path:
                line = self._origins.of((*first, "id"))[1]
                what = f'The node id "{placed.id}" is there twice; the first is in line {line}.'
                self._fault((*path, "id"), what, "Rename one of them.")
                continue
            node = self._node(placed)
            if node is not None:
                self._checked.nodes[placed.id] = node
                self._place[placed.id] = path

    def _node(self, placed: Placed) -> Node[Any] | None:
        part, path = placed.part, placed.path
        kind = NODE_KINDS.get(part.type)
        if kind is None:
            what = f'"{part.type}" is no type of node.'
            self._fault((*path, "type"), what, did_you_mean(part.type, NODE_KINDS))
            return None
        config, errors = validated(kind.config, part.config)
        for inner, what, suggestion in shape_faults(kind.config, errors):
            self._fault((*path, "config", *inner), what, suggestion)
        if config is None:
            return None
        return Node(id=placed.id, kind=kind, config=config, next=part.next)

    def _intents(self, document: FlowFile) -> None:
        by_intent = self._checked.globals_by_intent
        for name in document.global_intents:
            if name not in GLOBAL_INTENTS:
                what = f'"{name}" is no global intent.'
                self._fault(("global_intents", name), what, did_you_mean(name, GLOBAL_INTENTS))
        for name in GLOBAL_INTENTS:
            own = document.global_intents.get(name)
            intents = own.intents if own is not None else None
            for intent in intents or (DEFAULT_INTENTS[name],):
                by_intent[intent] = name
        for language in document.voices:
            if language not in document.languages:
                what = f'The flow does not speak "{language}".'
                self._fault(("voices", language), what, did_you_mean(language, document.languages))
        for key, name in document.global_keys.items():
            if name not in GLOBAL_INTENTS:
                what = f'Key {key} stands for "{name}", which is no global intent.'
                self._fault(("global_keys", key), what, did_you_mean(name, GLOBAL_INTENTS))
        for node in self._checked.nodes.values():
            if node.kind.name == "intent_router":
                for intent, target in node.next.items():
                    if intent not in SMALL_TALK and intent not in by_intent:
                        self._checked.routes.setdefault(intent, target)

    def _ways(self, document: FlowFile) -> None:
        ids = {part.id for part in document.nodes} | set(self._checked.nodes)
        entry = document.entry
        named: list[tuple[Path, str | None]] = [
            (("entry", "language_unknown"), entry.language_unknown),
            (("entry", "language_known"), entry.language_known),
            (("entry", "home"), entry.home),
        ]
        named += [
            (("global_intents", name, "next"), intent.next)
            for name, intent in document.global_intents.items()
        ]
        named += [
            ((*self._place[node.id], "next", outcome), target)
            for node in self._checked.nodes.values()
            for outcome, target in node.next.items()
        ]
        for path, target in named:
            if target is None or target in self._checked.nodes:
                continue
            if target in ids:
                continue  # What is wrong with that node has been said.
            self._fault(path, f'There is no node "{target}".', did_you_mean(target, ids))
        for place, part in enumerate(document.nodes):
            if part.type == "subflow":
                self._exits(document, part, ("nodes", place))
        for node in self._checked.nodes.values():
            self._outcomes(node)

    def _exits(self, document: FlowFile, part: NodePart, path: Path) -> None:
        leaves = exits(document, str(part.config.get("flow", "")))
        for name in sorted(leaves - set(part.next)):
            what = f'Node "{part.id}" has no way out for "{name}".'
            self._fault(path, what, f'Add "{name}" to its "next".')
        for name in sorted(set(part.next) - leaves):
            what = f'The subflow is never left by "{LEAVES}{name}".'
            self._fault((*path, "next", name), what, did_you_mean(name, leaves))

    def _outcomes(self, node: Node[Any]) -> None:
        path = self._place[node.id]
        outcomes = node.kind.outcomes(node.config)
        given = frozenset(node.next)
        if outcomes.any_name:
            if not given:
                what = f'The {node.kind.name} "{node.id}" leads nowhere.'
                self._fault(path, what, 'Add "next": {"an_intent": "a_node"}.')
            return
        for outcome in given - outcomes.known:
            what = f'A {node.kind.name} has no outcome "{outcome}".'
            self._fault((*path, "next", outcome), what, did_you_mean(outcome, outcomes.known))
        lacking = min((one - given for one in outcomes.either), key=len)
        for outcome in sorted(lacking):
            what = f'Node "{node.id}" has no way out for "{outcome}".'
            self._fault(path, what, f'Add "{outcome}" to its "next".')

    def _details(self, document: FlowFile) -> None:
        everywhere = self._checked.routes.keys() | self._checked.globals_by_intent.keys()
        facts = FlowFacts(
            languages=document.languages,
            destinations=document.transfer_destinations,
            integrations=document.integrations,
            intents=frozenset(everywhere),
            changing=frozenset(
                name
                for name, node in self._checked.nodes.items()
                if getattr(node.config, "changes_world", False)
            ),
            slots=self._slots(),
            knowledge=frozenset(document.knowledge),
            boxes=document.message_boxes,
            callback_numbers=document.callback_numbers,
        )
        self._names(document, facts.intents)
        for node in self._checked.nodes.values():
            path: Path = (*self._place[node.id], "config")
            for inner, what, suggestion in node.kind.mistakes(node, facts):
                self._fault((*path, *inner), what, suggestion)
        for place, name in enumerate(document.transfer_destinations):
            if name in ("", "hangup"):
                what = f'"{name}" cannot be the name of a destination.'
                self._fault(("transfer_destinations", place), what, "Choose another name.")
            elif is_emergency(name):
                what = f'"{name}" is an emergency number, which nobody may be transferred to.'
                suggestion = 'Give advice in a template "emergency" instead.'
                self._fault(("transfer_destinations", place), what, suggestion)
            elif is_premium(name):
                what = f'"{name}" is a premium number, which nobody may be transferred to.'
                self._fault(("transfer_destinations", place), what, "Choose another number.")

    def _names(self, document: FlowFile, intents: frozenset[str]) -> None:
        for kind, names in document.entities.items():
            for name in repeated(names):
                what = f'The name "{name}" is there twice.'
                self._fault(("entities", kind), what, "Put its phrases together.")
            for place, one in enumerate(names):
                path: Path = ("entities", kind, place)
                if one.intent is not None and one.intent not in intents:
                    what = f'The intent "{one.intent}" leads nowhere.'
                    self._fault((*path, "intent"), what, did_you_mean(one.intent, intents))
                for language in sorted(set(one.phrases) - set(document.languages)):
                    what = f'The flow does not speak "{language}".'
                    suggestion = f"Its languages are: {', '.join(document.languages)}."
                    self._fault((*path, "phrases", language), what, suggestion)

    def _slots(self) -> frozenset[str]:
        nodes = self._checked.nodes.values()
        return frozenset[str]().union(*(node.kind.fills(node.config) for node in nodes))

    def _variables(self, document: FlowFile) -> None:
        nodes = self._checked.nodes.values()
        slots = self._slots()
        secret = frozenset(
            node.config.slot for node in nodes if getattr(node.config, "sensitive", False)
        )
        summaries = {getattr(node.config, "summary", None) for node in nodes}
        for name in sorted(document.lasting_slots - slots):
            what = f'The lasting slot "{name}" is filled by no node.'
            self._fault(("lasting_slots",), what, did_you_mean(name, slots))
        for name in sorted(document.authentication_slots - slots):
            what = f'The slot "{name}" of authentication_slots is filled by no node.'
            self._fault(("authentication_slots",), what, did_you_mean(name, slots))
        given = {
            node.config.prompt: node.kind.prompt_values for node in nodes if node.kind.prompt_values
        }
        for (name, language), text in self._checked.texts.items():
            if name not in document.templates:
                continue
            path: Path = ("templates", name, language)
            allowed = SERVICE_VARIABLES.get(name, slots) | given.get(name, frozenset())
            if name in summaries:
                allowed |= SUMMARY_VARIABLES
            self._used(path, text.variables, allowed, secret)
        names = {name for name, _ in self._checked.texts} | set(document.templates)
        for inner, template in _templates_named(document):
            self._named(inner, template, names, document)
        for node in nodes:
            for use in node.kind.uses(node.config):
                path = (*self._place[node.id], "config", *use.path)
                if use.source is None:
                    self._named(path, use.name, names, document, given.get(use.name, frozenset()))
                else:
                    self._sourced(path, use, slots, secret)

    def _named(
        self,
        path: Path,
        name: str,
        names: set[str],
        document: FlowFile,
        given: frozenset[str] = frozenset(),
    ) -> None:
        if name not in names:
            self._fault(path, f'There is no template "{name}".', did_you_mean(name, names))
        elif name not in document.templates and not SERVICE_VARIABLES.get(name, given) <= given:
            what = f'The service prompt "{name}" needs values that a node does not have.'
            self._fault(path, what, "Write a template of your own.")

    def _sourced(self, path: Path, use: Use, slots: frozenset[str], secret: frozenset[str]) -> None:
        try:
            text = Text(use.source or "", "", for_path=use.for_path)
        except TemplateUnusable as error:
            self._fault(path, f"The template cannot be used: {error.what}.")
            return
        self._used(path, text.variables, slots, frozenset() if use.in_body else secret)

    def _used(
        self, path: Path, used: frozenset[str], known: frozenset[str], secret: frozenset[str]
    ) -> None:
        for name in sorted(used - known):
            self._fault(path, f'No node fills the slot "{name}".', did_you_mean(name, known))
        for name in sorted(used & known & secret):
            what = f'The slot "{name}" is sensitive and may stand only in the body of a request.'
            self._fault(path, what, "Leave it out.")

    def _graph(self, document: FlowFile) -> None:
        nodes = self._checked.nodes
        ways = {name: tuple(node.next.values()) for name, node in nodes.items()}
        entry = document.entry
        starts = [entry.language_unknown, entry.language_known, entry.home]
        starts += [intent.next for intent in document.global_intents.values()]
        found = reachable(ways, [start for start in starts if start is not None])
        for name in nodes:
            if name not in found:
                what = f'Nothing leads to the node "{name}".'
                suggestion = "Lead to it from another node, or remove it."
                self._fault((*self._place[name], "id"), what, suggestion)
        # An asking node stops a round, except where it gives up asking.
        silent = {
            name: tuple(
                target
                for outcome, target in node.next.items()
                if not node.kind.asks or outcome == "exhausted"
            )
            for name, node in nodes.items()
        }
        for way in rounds(silent):
            what = f"It goes round without ever listening: {' -> '.join((*way, way[0]))}."
            suggestion = "Let one of them ask the caller something."
            self._fault((*self._place[way[0]], "next"), what, suggestion)


def _templates_named(document: FlowFile) -> Iterator[tuple[Path, str]]:
    """The templates that the flow names outside its nodes, and where."""
    if document.examples is not None:
        yield ("examples",), document.examples
    if document.recording is not None and document.recording.announce is not None:
        yield ("recording", "announce"), document.recording.announce
    for intent, name in document.intents.items():
        yield ("intents", intent), name
    for base, entries in document.knowledge.items():
        for place, entry in enumerate(entries):
            yield ("knowledge", base, place, "answer"), entry.answer
            if entry.more is not None:
                yield ("knowledge", base, place, "more"), entry.more
