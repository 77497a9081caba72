"""Questions about a graph: what can be reached, and what goes round without end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Graph = Mapping[str, Iterable[str]]
"""Node to the nodes it leads to."""


def reachable(graph: Graph, starts: Iterable[str]) -> set[str]:
    """Every node that can be come to from `starts`."""
    found: set[str] = set()
    waiting = list(starts)
    while waiting:
        node = waiting.pop()
        if node in found or node not in graph:
            continue
        found.add(node)
        waiting.extend(graph[node])
    return found


def rounds(graph: Graph) -> list[list[str]]:
    """A round for each node that it leads back to itself, each set of nodes once."""
    found: dict[frozenset[str], list[str]] = {}
    for start in graph:
        way = _way_back(graph, start)
        if way is not None:
            found.setdefault(frozenset(way), way)
    return list(found.values())


def _way_back(graph: Graph, start: str) -> list[str] | None:
    came_from: dict[str, str] = {}
    waiting = [start]
    while waiting:
        node = waiting.pop(0)
        for after in graph.get(node, ()):
            if after == start:
                way = [node]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return way[::-1]
            if after not in came_from and after in graph:
                came_from[after] = node
                waiting.append(after)
    return None
