"""YAML that remembers the line of each value, and takes every scalar as it is written.

`say: yes` is a word, `keys: 0012` are four keys: nothing is made into a bool or an octal number
(YAML 1.1 would). A plain `null`, `~` or nothing is None. A key given twice is an error.
"""

from __future__ import annotations

from typing import Any

import yaml

from ivr.dialogue.positions import Lines, Path

_DEEPEST = 32
_MOST_VALUES = 100_000
_NOTHING = frozenset({"", "~", "null"})


class NotYaml(ValueError):
    """The text is no YAML that we take; `line` counts from 1."""

    def __init__(self, what: str, line: int) -> None:
        super().__init__(what)
        self.what = what
        self.line = line


def parse(text: str) -> tuple[Any, Lines]:
    """Decode `text` and note the line of each value, and of each key. Raises NotYaml."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        raise NotYaml(str(error.problem or error.context), line) from None
    except yaml.YAMLError as error:
        raise NotYaml(" ".join(str(error).split()), 1) from None
    if root is None:
        return None, Lines({})
    builder = _Builder()
    value = builder.value(root, ())
    return value, Lines(builder.lines)


class _Builder:
    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self._values = 0

    def value(self, node: yaml.Node, path: Path, line: int | None = None) -> Any:
        line = line or _line(node)
        self._values += 1
        # An alias may stand for what holds it, or for more than anybody writes by hand.
        if len(path) > _DEEPEST or self._values > _MOST_VALUES:
            raise NotYaml("nested too deeply, or too large", line)
        self.lines[path] = line
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, n)) for n, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        plain = node.style is None
        return None if plain and node.value in _NOTHING else node.value

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise NotYaml("a key must be a word", _line(key))
            if key.value in found:
                raise NotYaml(f'the key "{key.value}" is given twice', _line(key))
            # The key's line, not the value's: a list begins a line below what it is called.
            found[key.value] = self.value(value, (*path, key.value), _line(key))
        return found


def _line(node: yaml.Node) -> int:
    line: int = node.start_mark.line
    return line + 1
