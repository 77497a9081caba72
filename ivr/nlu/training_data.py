"""Training data of one language in Rasa's YAML format, read with care and written back.

    version: "3.1"
    nlu:
    - intent: transfer_money
      examples: |
        - send [fifty dollars](amount) to [mum]{"entity": "person", "value": "Mary"}
    - synonym: credit        # what several phrases mean
    - lookup: card_type      # the phrases of an entity
    - regex: zipcode         # patterns of an entity

https://rasa.com/docs/rasa/training-data-format. Other sections of such files (rules, stories,
responses...) are let be. Metadata of examples is not kept.
"""

from __future__ import annotations

import difflib
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import yaml

from ivr.errors import IvrError
from ivr.nlu.annotation import BadAnnotation, Example, read_example, write_example

VERSION = "3.1"
_VERSIONS = ("2.0", "3.0", "3.1")
_SECTIONS = (
    "version", "nlu", "stories", "rules", "responses", "intents", "entities", "slots", "forms",
    "actions", "session_config", "e2e_actions",
)  # fmt: skip
_KINDS = ("intent", "synonym", "lookup", "regex")
_T = TypeVar("_T")


class BadTrainingData(IvrError):
    """Training data that cannot be used; names file and line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingData:
    """What one language is taught; the order of names and of lines is that of the files."""

    intents: Mapping[str, tuple[Example, ...]] = field(default_factory=dict)
    synonyms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Canonical value to the phrases that mean it."""
    lookups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Entity to its phrases."""
    patterns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Entity to its regular expressions."""


def load_training_data(folder: Path) -> TrainingData:
    """All `*.yml` and `*.yaml` files of `folder`, together. Raises BadTrainingData."""
    files = sorted(path for path in folder.glob("*") if path.suffix in {".yml", ".yaml"})
    if not files:
        raise BadTrainingData(
            f"{folder} holds no training data.", remedy="Put an nlu.yml in Rasa's format there."
        )
    parts = []
    for path in files:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadTrainingData(
                f"{path} cannot be read: {error}.", remedy="It must be a readable UTF-8 file."
            ) from None
        parts.append(parse_training_data(text, name=str(path)))
    return TrainingData(
        intents=_merged(part.intents for part in parts),
        synonyms=_merged(part.synonyms for part in parts),
        lookups=_merged(part.lookups for part in parts),
        patterns=_merged(part.patterns for part in parts),
    )


def parse_training_data(text: str, *, name: str = "nlu.yml") -> TrainingData:
    """What the YAML `text` teaches. Raises BadTrainingData, naming `name` and the line."""
    return _Reader(name, text).read()


def write_training_data(data: TrainingData) -> str:
    """YAML that `parse_training_data` reads back as `data`.

    Raises BadTrainingData where the format cannot say it (brackets inside marked text, line
    breaks, nothing at all under a name).
    """
    out = io.StringIO()
    out.write(f'version: "{VERSION}"\nnlu:\n' if _lines(data) else f'version: "{VERSION}"\n')
    for kind, name, lines in _lines(data):
        out.write(f"- {kind}: {_scalar(name)}\n  examples: |\n")
        out.writelines(f"    - {line}\n" for line in lines)
    text = out.getvalue()
    try:
        same = parse_training_data(text) == data
    except BadTrainingData:
        same = False
    if not same:
        raise BadTrainingData(
            "This training data cannot be written in Rasa's format.",
            remedy="Names and sentences must be single lines, each name with at least one.",
        )
    return text


def _lines(data: TrainingData) -> list[tuple[str, str, list[str]]]:
    try:
        intents = [
            ("intent", name, [write_example(example) for example in examples])
            for name, examples in data.intents.items()
        ]
    except BadAnnotation as error:
        raise BadTrainingData(
            f"{error}.", remedy="Take brackets and line breaks out of it."
        ) from None
    others = (("synonym", data.synonyms), ("lookup", data.lookups), ("regex", data.patterns))
    return [
        *intents,
        *((kind, name, list(lines)) for kind, part in others for name, lines in part.items()),
    ]


def _scalar(name: str) -> str:
    text: str = yaml.safe_dump(name, allow_unicode=True, width=10**6)
    return text.removesuffix("\n").removesuffix("\n...")


def _merged(parts: Iterable[Mapping[str, tuple[_T, ...]]]) -> dict[str, tuple[_T, ...]]:
    merged: dict[str, tuple[_T, ...]] = {}
    for part in parts:
        for name, values in part.items():
            merged[name] = merged.get(name, ()) + values
    return merged


class _Reader:
    """Walks the YAML nodes, so that every error knows its line."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._text = text
        self._found: dict[str, dict[str, tuple[Example, ...]]] = {kind: {} for kind in _KINDS}

    def read(self) -> TrainingData:
        try:
            root = yaml.compose(self._text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line if error.problem_mark else 0
            raise self._wrong(line, f"this is not YAML ({error.problem})", _INDENT) from None
        except (yaml.YAMLError, RecursionError) as error:
            raise self._wrong(0, f"this is not YAML ({error})", _INDENT) from None
        sections = self._mapping(root, _SECTIONS, "section")
        self._check_version(root, sections.get("version"))
        for item in self._sequence(sections.get("nlu"), "nlu"):
            self._read_item(item)
        plain = {
            kind: {
                name: tuple(example.text for example in examples)
                for name, examples in self._found[kind].items()
            }
            for kind in _KINDS[1:]
        }
        return TrainingData(
            intents=self._found["intent"],
            synonyms=plain["synonym"],
            lookups=plain["lookup"],
            patterns=plain["regex"],
        )

    def _check_version(self, root: yaml.Node | None, version: yaml.Node | None) -> None:
        node = version if version is not None else root
        if not isinstance(version, yaml.ScalarNode) or version.value not in _VERSIONS:
            said = getattr(version, "value", None)
            what = "no version is given" if version is None else f"version {said!r} is unknown"
            raise self._wrong(_line(node), what, f'Begin the file with version: "{VERSION}".')

    def _read_item(self, item: yaml.Node) -> None:
        fields = self._mapping(item, (*_KINDS, "examples", "metadata"), "key")
        kinds = [kind for kind in _KINDS if kind in fields]
        if len(kinds) != 1:
            what = f"an item is {' and '.join(kinds) or 'nothing known'}"
            raise self._wrong(_line(item), what, f"Give each exactly one of {', '.join(_KINDS)}.")
        name = fields[kinds[0]]
        if not isinstance(name, yaml.ScalarNode) or not name.value.strip():
            raise self._wrong(_line(name), f"this {kinds[0]} has no name", "Name it.")
        if "examples" not in fields:
            what = f"{kinds[0]} {name.value} has no examples"
            raise self._wrong(_line(item), what, "Add examples: | and a line - ... for each.")
        examples = tuple(
            self._read_line(line, text, kinds[0])
            for line, text in self._example_lines(fields["examples"])
        )
        if not examples:
            what = f"{kinds[0]} {name.value} has no examples"
            raise self._wrong(_line(fields["examples"]), what, "Add at least one.")
        known = self._found[kinds[0]]
        known[name.value] = known.get(name.value, ()) + examples

    def _example_lines(self, node: yaml.Node) -> Iterator[tuple[int, str]]:
        """Each example with its line, from a block of "- " lines or a list of `text: ...`."""
        if isinstance(node, yaml.SequenceNode):
            for item in node.value:
                text = item
                if isinstance(item, yaml.MappingNode):
                    text = self._mapping(item, ("text", "metadata", "intent"), "key").get("text")
                if not isinstance(text, yaml.ScalarNode) or not text.value.strip():
                    raise self._wrong(_line(item), "this example has no text", "Give it text: ...")
                yield _line(text), text.value.strip().removeprefix("- ")
            return
        if not isinstance(node, yaml.ScalarNode):
            raise self._wrong(_line(node), "examples is no block of lines", "Write examples: |.")
        first = _line(node) + (node.style in {"|", ">"})
        # only \n ends a line here: other separators of Unicode are part of the sentence
        for offset, raw in enumerate(node.value.split("\n")):
            line = raw.strip()
            if not line:
                continue
            if not line.startswith("-") or not line[1:].strip():
                what = f"{line!r} is no example"
                raise self._wrong(first + offset, what, "Begin each line with - and a sentence.")
            yield first + offset, line[1:].strip()

    def _read_line(self, line: int, text: str, kind: str) -> Example:
        if kind == "regex":
            try:
                re.compile(text)
            except re.error as error:
                what = f"{text!r} is no regular expression ({error})"
                raise self._wrong(line, what, "Mend the pattern.") from None
        if kind != "intent":
            return Example(text=text)
        try:
            return read_example(text)
        except BadAnnotation as error:
            hint = 'Write [text](entity) or [text]{"entity": "...", "value": "..."}.'
            raise self._wrong(line, str(error), hint) from None

    def _sequence(self, node: yaml.Node | None, name: str) -> list[yaml.Node]:
        if node is None or (isinstance(node, yaml.ScalarNode) and not node.value):
            return []
        if not isinstance(node, yaml.SequenceNode):
            raise self._wrong(_line(node), f"{name} is no list", "Begin each item with - .")
        return list(node.value)

    def _mapping(
        self, node: yaml.Node | None, known: tuple[str, ...], what: str
    ) -> dict[str, yaml.Node]:
        """The fields of a mapping, none unknown, none twice."""
        if not isinstance(node, yaml.MappingNode):
            raise self._wrong(_line(node), "here must be name: value pairs", _INDENT)
        fields: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else "?"
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"Did you mean {close[0]}?" if close else f"Known: {', '.join(known)}."
                raise self._wrong(_line(key), f"{what} {name!r} is unknown", hint)
            if name in fields:
                raise self._wrong(_line(key), f"{what} {name!r} is given twice", "Keep one.")
            fields[name] = value
        return fields

    def _wrong(self, line: int, what: str, remedy: str) -> BadTrainingData:
        return BadTrainingData(f"{self._name}, line {line + 1}: {what}.", remedy=remedy)


_INDENT = 'See the example with version: "3.1" at https://rasa.com/docs/rasa/training-data-format.'


def _line(node: yaml.Node | None) -> int:
    return node.start_mark.line if node is not None else 0
