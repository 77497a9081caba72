"""More languages of a flow, each in a file of its own beside it: `bank.json`, `bank.es.json`.

What such a file says is put where it would stand in the flow itself, and found again there by
whatever finds a fault in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ivr.dialogue.faults import Fault, did_you_mean
from ivr.dialogue.flow_file import LanguageFile
from ivr.dialogue.flow_shape import shape_faults, validated
from ivr.dialogue.positions import Lines, NotJson, Path, parse


@dataclass
class Origins:
    """The file and line that each value of the merged document comes from."""

    file: str
    lines: Lines
    moved: dict[Path, tuple[str, int]] = field(default_factory=dict)

    def of(self, path: Path) -> tuple[str, int]:
        """(file, line) of the value at `path`, or of the nearest value around it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.moved:
                return self.moved[path[:length]]
        return self.file, self.lines.of(path)


def merge_languages(
    data: Any, origins: Origins, beside: Sequence[tuple[str, str]]
) -> Iterator[Fault]:
    """Put the languages of `beside`, (file, text), into the flow `data`; yields what is wrong."""
    if not isinstance(data, dict):
        return
    for file, text in beside:
        try:
            content, lines = parse(text)
        except NotJson as error:
            yield Fault(file=file, line=error.line, what=f"This is no JSON: {error.what}.")
            continue
        found, errors = validated(LanguageFile, content)
        for path, what, suggestion in shape_faults(LanguageFile, errors):
            yield Fault(file=file, line=lines.of(path), what=what, suggestion=suggestion)
        if found is not None:
            yield from _merge(data, origins, found, (file, lines))


def _merge(
    data: dict[str, Any], origins: Origins, found: LanguageFile, source: tuple[str, Lines]
) -> Iterator[Fault]:
    file, lines = source
    code = found.language
    languages = data.get("languages")
    if not isinstance(languages, list):
        return
    if code in languages:
        what = f'The flow itself speaks "{code}" already.'
        where = lines.of(("language",))
        yield Fault(file=file, line=where, what=what, suggestion="Say it in one place.")
        return
    origins.moved[("languages", len(languages))] = file, lines.of(("language",))
    languages.append(code)
    templates = data.setdefault("templates", {})
    for name, text in found.templates.items():
        place = file, lines.of(("templates", name))
        texts = templates.get(name) if isinstance(templates, dict) else None
        if not isinstance(texts, dict):
            suggestion = did_you_mean(name, templates)
            what = f'The flow has no template "{name}".'
            yield Fault(file=file, line=place[1], what=what, suggestion=suggestion)
            continue
        texts[code] = text
        origins.moved["templates", name, code] = place
    for owner, by_option in found.phrases.items():
        options = dict(_options(data, owner))
        for name, phrases in by_option.items():
            line = lines.of(("phrases", owner, name))
            if name not in options:
                what = f'The flow has no "{name}" in "{owner}".'
                yield Fault(file=file, line=line, what=what, suggestion=did_you_mean(name, options))
                continue
            path, option = options[name]
            option.setdefault("phrases", {})[code] = list(phrases)
            origins.moved[(*path, "phrases", code)] = file, line


def _options(data: Mapping[str, Any], owner: str) -> Iterator[tuple[str, tuple[Path, Any]]]:
    """The options of a node, entries of the knowledge or names of the kind `owner`: (name,
    (path, option)).
    """
    for part in ("knowledge", "entities"):
        lists = data.get(part, {})
        if isinstance(lists, dict) and owner in lists:
            yield from _named(lists[owner], (part, owner))
    for place, node in enumerate(data.get("nodes", ())):
        if isinstance(node, dict) and node.get("id") == owner:
            config = node.get("config")
            options = config.get("options") if isinstance(config, dict) else None
            yield from _named(options, ("nodes", place, "config", "options"))


def _named(options: Any, path: Path) -> Iterator[tuple[str, tuple[Path, Any]]]:
    for place, option in enumerate(options if isinstance(options, list) else ()):
        if isinstance(option, dict) and isinstance(option.get("name"), str):
            yield option["name"], ((*path, place), option)
