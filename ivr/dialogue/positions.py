"""JSON that remembers the line of each value, so that a flow's errors can name it (RFC 8259).

Stricter than `json.loads`: a key given twice in one object is an error, because the first value
would silently be lost; so is NaN.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

Path = tuple[str | int, ...]
"""Where a value lies: keys and indices from the document's root."""

_DEEPEST = 64
_BLANK = " \t\n\r"
_scalars = json.JSONDecoder()


class NotJson(ValueError):
    """The text is no JSON; `line` counts from 1."""

    def __init__(self, what: str, line: int) -> None:
        super().__init__(what)
        self.what = what
        self.line = line


class Lines:
    """The line (from 1) of each value of a document."""

    def __init__(self, lines: Mapping[Path, int]) -> None:
        self._lines = lines

    def of(self, path: Path) -> int:
        """The line of the value at `path`, or of the nearest value around it; 1 for the root."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)


def parse(text: str) -> tuple[Any, Lines]:
    """Decode `text` and note the line of each value. Raises NotJson."""
    reader = _Reader(text)
    value = reader.document()
    return value, Lines(reader.lines)


class _Reader:
    """One pass over one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._starts = [0]
        self._starts += [place + 1 for place, char in enumerate(text) if char == "\n"]
        self.lines: dict[Path, int] = {}

    def document(self) -> Any:
        value = self._value(())
        self._skip()
        if self._at < len(self._text):
            raise self._fault("something follows the end of the document")
        return value

    def _value(self, path: Path) -> Any:
        if len(path) > _DEEPEST:
            raise self._fault("nested too deeply")
        self._skip()
        self.lines[path] = self._line()
        char = self._text[self._at : self._at + 1]
        if char == "{":
            return self._object(path)
        if char == "[":
            return self._array(path)
        return self._scalar()

    def _scalar(self) -> Any:
        if self._text.startswith(("NaN", "Infinity", "-Infinity"), self._at):
            raise self._fault("NaN and Infinity are no JSON")
        try:
            value, self._at = _scalars.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            self._at = min(error.pos, len(self._text))
            raise self._fault(error.msg.lower()) from None
        except ValueError:
            raise self._fault("a number with too many digits") from None
        return value

    def _object(self, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self._at += 1
        if self._next_is("}"):
            return found
        while True:
            self._skip()
            if self._text[self._at : self._at + 1] != '"':
                raise self._fault("a key in double quotes is expected")
            key = self._scalar()
            if key in found:
                raise self._fault(f'the key "{key}" is given twice')
            self._expect(":")
            found[key] = self._value((*path, key))
            if self._next_is("}"):
                return found
            self._expect(",")

    def _array(self, path: Path) -> list[Any]:
        found: list[Any] = []
        self._at += 1
        if self._next_is("]"):
            return found
        while True:
            found.append(self._value((*path, len(found))))
            if self._next_is("]"):
                return found
            self._expect(",")

    def _skip(self) -> None:
        while self._text[self._at : self._at + 1] in _BLANK and self._at < len(self._text):
            self._at += 1

    def _next_is(self, char: str) -> bool:
        self._skip()
        if self._text[self._at : self._at + 1] != char:
            return False
        self._at += 1
        return True

    def _expect(self, char: str) -> None:
        if not self._next_is(char):
            raise self._fault(f'"{char}" is expected')

    def _line(self) -> int:
        return bisect_right(self._starts, self._at)

    def _fault(self, what: str) -> NotJson:
        return NotJson(what, self._line())
