"""The part of JSONPath (RFC 9535) that names one value: `$.a['b c'].d[0][-1]`.

Without the "$" in front it begins with a name: `card.limit` is `$.card.limit`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_STEP = re.compile(
    r"\.(?P<name>[^\W\d][\w-]*)|\[(?P<index>-?\d{1,6})\]|\['(?P<single>[^'\\]+)'\]"
    r'|\["(?P<double>[^"\\]+)"\]'
)
_LONGEST = 500


class PathUnusable(ValueError):
    """It is no such path."""


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A path, parsed: names of members and indices of elements."""

    steps: tuple[str | int, ...]

    def find(self, data: Any) -> Any:
        """The value there; None where there is none."""
        for step in self.steps:
            if isinstance(step, str):
                if not isinstance(data, Mapping) or step not in data:
                    return None
                data = data[step]
                continue
            if not isinstance(data, Sequence) or isinstance(data, str):
                return None
            if not -len(data) <= step < len(data):
                return None
            data = data[step]
        return data


@lru_cache(maxsize=1024)
def json_path(text: str) -> JsonPath:
    """Parse `text`. Raises PathUnusable."""
    whole = text.removeprefix("$") if text.startswith("$") else f".{text}"
    if not whole or len(whole) > _LONGEST:
        raise PathUnusable("it names nothing")
    steps: list[str | int] = []
    at = 0
    while at < len(whole):
        found = _STEP.match(whole, at)
        if found is None:
            raise PathUnusable(f'"{whole[at:]}" is not understood')
        index = found["index"]
        name = found["name"] or found["single"] or found["double"]
        steps.append(int(index) if index is not None else name)
        at = found.end()
    return JsonPath(tuple(steps))
