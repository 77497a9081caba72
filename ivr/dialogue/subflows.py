"""Subflows, put in place of the nodes that use them.

The node `check` that uses the subflow `identify` becomes a way in, and the subflow's nodes become
`check.ask_pin` and so on: the executor knows nothing of subflows, and none can go round in
circles.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ivr.dialogue.flow_file import FlowFile, NodePart
from ivr.dialogue.positions import Path

LEAVES = "@"
"""Begins the name of a way out of a subflow."""
_DEEPEST = 8


class Placed(NamedTuple):
    """A node of the whole flow: its part, where it stands in the file, and who it is."""

    id: str
    part: NodePart
    path: Path


class SubflowFault(NamedTuple):
    """What is wrong with the use of a subflow."""

    path: Path
    what: str
    known: frozenset[str]


def exits(document: FlowFile, name: str) -> frozenset[str]:
    """The names by which a subflow is left."""
    subflow = document.subflows.get(name)
    if subflow is None:
        return frozenset()
    return frozenset(
        target.removeprefix(LEAVES)
        for part in subflow.nodes
        for target in part.next.values()
        if target.startswith(LEAVES)
    )


def expand(document: FlowFile) -> Iterator[Placed | SubflowFault]:
    """Every node of the flow, those of subflows under the node that uses them."""
    for place, part in enumerate(document.nodes):
        yield from _placed(document, part, ("nodes", place), "", ())


def _placed(
    document: FlowFile, part: NodePart, path: Path, prefix: str, within: tuple[str, ...]
) -> Iterator[Placed | SubflowFault]:
    name = f"{prefix}{part.id}"
    if part.type != "subflow":
        yield Placed(name, part, path)
        return
    used = str(part.config.get("flow", ""))
    subflow = document.subflows.get(used)
    if subflow is None or used in within or len(within) >= _DEEPEST:
        what = (
            f'There is no subflow "{used}".'
            if subflow is None
            else f'The subflow "{used}" uses itself.'
        )
        yield SubflowFault((*path, "config", "flow"), what, frozenset(document.subflows) - {used})
        return
    yield Placed(name, part.model_copy(update={"next": {"in": f"{name}.{subflow.entry}"}}), path)
    for place, inner in enumerate(subflow.nodes):
        ways = {
            outcome: part.next.get(target.removeprefix(LEAVES), target)
            if target.startswith(LEAVES)
            else f"{name}.{target}"
            for outcome, target in inner.next.items()
        }
        moved = inner.model_copy(update={"next": ways})
        inner_path = ("subflows", used, "nodes", place)
        yield from _placed(document, moved, inner_path, f"{name}.", (*within, used))
