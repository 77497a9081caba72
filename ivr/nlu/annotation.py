"""One line of training data: a sentence with its entities marked in it.

    send [fifty dollars](amount) to [mum]{"entity": "person", "value": "Mary"}

The format is Rasa's (https://rasa.com/docs/rasa/training-data-format#entities). Brackets that
mark nothing are plain text, as they are there.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

_MARK = re.compile(
    r"\[(?P<text>[^\]]+?)\]"
    r"(?:\((?P<kind>[^:)]+?)(?::(?P<value>[^)]+))?\)|(?P<details>\{[^}]+?\}))"
)
_SIMPLE = re.compile(r"[^:()\s](?:[^:()]*[^:()\s])?")
_DETAILS = ("entity", "value", "role", "group")


class BadAnnotation(ValueError):
    """An annotation that cannot be read or written; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """A marked value: characters `[start, end)` of the plain sentence are an entity of `kind`.

    `value` is what they mean where that differs from what they say; `role` and `group` are kept
    for other engines.
    """

    kind: str
    start: int
    end: int
    value: str | None = None
    role: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A sentence without its marks, and what was marked in it, left to right."""

    text: str
    annotations: tuple[Annotation, ...] = ()


def read_example(line: str) -> Example:
    """The example that `line` writes. Raises BadAnnotation."""
    plain: list[str] = []
    annotations: list[Annotation] = []
    length = after = 0
    for match in _MARK.finditer(line):
        before, text = line[after : match.start()], match["text"]
        start = length + len(before)
        plain += (before, text)
        length, after = start + len(text), match.end()
        details = _read_details(match["details"]) if match["details"] else {}
        annotations.append(
            Annotation(
                kind=details.get("entity") or match["kind"],
                start=start,
                end=length,
                value=details.get("value") or match["value"],
                role=details.get("role"),
                group=details.get("group"),
            )
        )
    return Example(text="".join((*plain, line[after:])), annotations=tuple(annotations))


def write_example(example: Example) -> str:
    """The line that `read_example` reads back as `example`.

    Raises BadAnnotation where the format has no such line: it knows no escapes for brackets in
    marked text, nor for line breaks.
    """
    parts: list[str] = []
    after = 0
    for mark in example.annotations:
        parts += (
            example.text[after : mark.start],
            f"[{example.text[mark.start : mark.end]}]",
            _write_details(mark),
        )
        after = mark.end
    line = "".join((*parts, example.text[after:]))
    if line != line.strip() or len(line.splitlines()) != 1 or read_example(line) != example:
        raise BadAnnotation(f"{example.text!r} cannot be written as one line of training data")
    return line


def _write_details(mark: Annotation) -> str:
    details = {
        "entity": mark.kind,
        "value": mark.value,
        "role": mark.role,
        "group": mark.group,
    }
    given = {name: value for name, value in details.items() if value is not None}
    if len(given) == 1 and _SIMPLE.fullmatch(mark.kind):
        return f"({mark.kind})"
    return json.dumps(given, ensure_ascii=False)


def _read_details(text: str) -> dict[str, str]:
    try:
        details = json.loads(text)
    except ValueError:
        raise BadAnnotation(f"{text} is not JSON") from None
    unknown = [name for name in details if name not in _DETAILS]
    if unknown:
        raise BadAnnotation(f"{text} has {unknown[0]!r}, which is none of {', '.join(_DETAILS)}")
    if not isinstance(details.get("entity"), str) or not details["entity"]:
        raise BadAnnotation(f'{text} has no "entity"')
    if not all(isinstance(value, str) and value for value in details.values()):
        raise BadAnnotation(f"{text} has a value that is no text")
    return dict(details)
