"""What a flow that works still does to its callers: ways that lead nowhere, values spoken before
they are known, prompts nobody listens to, menus nobody remembers.

A flow with such faults can be loaded, for the dialogue mends them at a cost; `ivrctl flow check`
finds them before a call does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ivr.dialogue.faults import Fault
from ivr.dialogue.flow_check import Checked
from ivr.dialogue.flow_graph import reachable
from ivr.dialogue.nodes.kind import Node
from ivr.dialogue.positions import Path
from ivr.dialogue.templates import Text, source_text
from ivr.languages.known import language

LONGEST_PROMPT_S = 20.0
LARGEST_MENU = 5
"""Options beyond this are not remembered by those who only hear them."""
_WORDS_OF_A_VALUE = 5
"""What a value takes to be said: "one thousand two hundred fifty"."""

_VALUE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_MARKUP = re.compile(r"\{%.*?%\}|\{#.*?#\}|</?[A-Za-z][^<>]*>", re.DOTALL)


def review(checked: Checked) -> list[Fault]:
    """What is to be said about a flow that passed its check, in the order of its lines."""
    review = _Review(checked)
    faults = [
        review.fault(*found)
        for found in (
            *review.dead_ends(),
            *review.unfilled(),
            *review.long_prompts(),
            *review.long_menus(),
        )
    ]
    return sorted(set(faults), key=lambda fault: (fault.file, fault.line, fault.what))


def spoken_seconds(source: str, code: str) -> float:
    """About how long a template takes to be said, by the words of the language a minute."""
    values = len(_VALUE.findall(source))
    words = len(_MARKUP.sub(" ", _VALUE.sub(" ", source)).split())
    return (words + _WORDS_OF_A_VALUE * values) * 60 / language(code).words_per_minute


Found = tuple[Path, str, str]


class _Review:
    """One pass over one flow."""

    def __init__(self, checked: Checked) -> None:
        assert checked.document is not None
        assert checked.origins is not None
        self._checked = checked
        self._document = checked.document
        self._origins = checked.origins
        self._nodes: Mapping[str, Node[Any]] = checked.nodes

    def fault(self, path: Path, what: str, suggestion: str) -> Fault:
        file, line = self._origins.of(path)
        return Fault(file=file, line=line, what=what, suggestion=suggestion)

    def dead_ends(self) -> Iterator[Found]:
        """Nodes from which neither an end nor the choice of another task is drawn."""
        back: dict[str, list[str]] = {name: [] for name in self._nodes}
        goals = []
        for name, node in self._nodes.items():
            if node.kind.ends or node.kind.name == "intent_router":
                goals.append(name)
            for target in node.next.values():
                back[target].append(name)
        saved = reachable(back, goals)
        for name in self._nodes:
            if name not in saved:
                yield (
                    (*self._checked.places[name], "id"),
                    f'"{name}" is a dead end: no end, transfer or choice of a task follows it.',
                    "Lead on to one.",
                )

    def unfilled(self) -> Iterator[Found]:
        """Slots that are spoken or sent on a way on which nothing has filled them."""
        filled = self._filled()
        every = frozenset[str]().union(
            *(node.kind.fills(node.config) for node in self._nodes.values())
        )
        for name, node in self._nodes.items():
            if name not in filled:
                continue
            for use in node.kind.uses(node.config):
                known = filled[name] | (
                    node.kind.fills(node.config) if use.path == ("confirm",) else frozenset()
                )
                for slot in sorted(self._needed(use.name, use.source) & every - known):
                    yield (
                        (*self._checked.places[name], "config", *use.path),
                        f'"{name}" uses the slot "{slot}" on a way on which it is not filled yet.',
                        "Fill it before, or test it with a condition.",
                    )

    def long_prompts(self) -> Iterator[Found]:
        """Templates of the flow that take too long to be said."""
        for (name, code), text in self._checked.texts.items():
            if name not in self._document.templates:
                continue
            seconds = spoken_seconds(text.source, code)
            if seconds > LONGEST_PROMPT_S:
                yield (
                    ("templates", name, code),
                    f'"{name}" takes about {seconds:.0f} s to be said in "{code}".',
                    f"Nobody listens for more than {LONGEST_PROMPT_S:.0f} s: say less, or ask.",
                )

    def long_menus(self) -> Iterator[Found]:
        """Nodes that offer more than can be remembered."""
        for name, node in self._nodes.items():
            field, count = self._offered(node)
            if count > LARGEST_MENU:
                yield (
                    (*self._checked.places[name], "config", field),
                    f'"{name}" offers {count} things at once.',
                    f"More than {LARGEST_MENU} are not remembered: make two questions of it.",
                )

    def _offered(self, node: Node[Any]) -> tuple[str, int]:
        config = node.config
        if node.kind.name == "intent_router":
            everywhere = self._checked.globals_by_intent
            return "keys", sum(intent not in everywhere for intent in config.keys.values())
        if node.kind.name == "language" and config.to is None:
            return "prompt", len(self._document.languages)
        if node.kind.name == "knowledge":
            entries = self._document.knowledge[config.base]
            return "base", sum(entry.key is not None for entry in entries)
        return "options", len(getattr(config, "options", ()))

    def _needed(self, name: str, source: str | None) -> frozenset[str]:
        """The slots without which a text cannot be filled in, in any language."""
        if source is not None:
            return _required(source_text(source))
        return frozenset[str]().union(
            *(_required(text) for (one, _), text in self._checked.texts.items() if one == name)
        )

    def _filled(self) -> dict[str, frozenset[str]]:
        """For each node that can be come to: the slots that are filled on every way to it."""
        document, lasting = self._document, self._document.lasting_slots
        entry = document.entry
        starts = {entry.language_known, entry.language_unknown, entry.home}
        starts |= {intent.next for intent in document.global_intents.values()}
        # A task begins with nothing but what lasts, and that may not be filled either.
        starts |= set(self._checked.routes.values())
        filled: dict[str, frozenset[str]] = {
            name: frozenset() for name in starts if name is not None
        }
        waiting = list(filled)
        while waiting:
            name = waiting.pop()
            node, before = self._nodes[name], filled[name]
            if node.kind.name == "intent_router":
                before &= lasting
            for outcome, target in node.next.items():
                after = node.kind.known_after(node.config, outcome, before)
                known = filled.get(target)
                now = after if known is None else known & after
                if now != known:
                    filled[target] = now
                    waiting.append(target)
        return filled


def _required(text: Text) -> frozenset[str]:
    return frozenset(
        name
        for name in text.variables
        if not re.search(rf"\b{name}\b\s*(\|\s*default\b|is\s+(not\s+)?defined)", text.source)
    )
