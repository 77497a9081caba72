"""A flow as a picture: SVG with a layered layout of our own, or Mermaid."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import NamedTuple

from ivr.dialogue.flow import Edge, Flow

_WIDTH, _HEIGHT = 190, 46
_GAP_X, _GAP_Y = 36, 74
_MARGIN = 24
_COLOURS = {
    "asks": "#dbeafe",
    "ends": "#fee2e2",
    "waits": "#fef3c7",
    "": "#f1f5f9",
}
_SWEEPS = 6


class Place(NamedTuple):
    """The upper left corner of a node, in pixels."""

    x: float
    y: float


def mermaid(flow: Flow) -> str:
    """The graph in Mermaid's flowchart language."""
    names = {name: f"n{number}" for number, name in enumerate(flow.nodes)}
    lines = ["flowchart TD"]
    for name, node in flow.nodes.items():
        lines.append(f'    {names[name]}["{name}<br/><small>{node.kind.name}</small>"]')
    for edge in flow.edges:
        label = edge.outcome.replace('"', "'")
        lines.append(f'    {names[edge.source]} -->|"{label}"| {names[edge.target]}')
    return "\n".join(lines) + "\n"


def svg(flow: Flow) -> str:
    """The graph as a picture that needs nothing else."""
    places = layout(flow)
    width = max(place.x for place in places.values()) + _WIDTH + _MARGIN
    height = max(place.y for place in places.values()) + _HEIGHT + _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="sans-serif" font-size="12">',
        f"<title>{escape(flow.name)}, version {flow.version[:12]}</title>",
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#64748b"/></marker></defs>',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    parts += [_edge(edge, places) for edge in _together(flow.edges)]
    parts += [_node(flow, name, place) for name, place in places.items()]
    return "\n".join((*parts, "</svg>")) + "\n"


def layout(flow: Flow) -> dict[str, Place]:
    """Where each node stands: in layers by its distance from the beginning, each layer in an order
    that keeps neighbours near one another (Sugiyama's barycentres).
    """
    layers = _layers(flow)
    near: dict[str, list[str]] = {name: [] for name in flow.nodes}
    for edge in flow.edges:
        near[edge.source].append(edge.target)
        near[edge.target].append(edge.source)
    for _ in range(_SWEEPS):
        at = {name: place for layer in layers for place, name in enumerate(layer)}
        for layer in layers:
            layer.sort(key=lambda name: (_mean([at[one] for one in near[name]], at[name]), name))
            at.update({name: place for place, name in enumerate(layer)})
    widest = max(len(layer) for layer in layers)
    places = {}
    for depth, layer in enumerate(layers):
        indent = (widest - len(layer)) * (_WIDTH + _GAP_X) / 2
        for place, name in enumerate(layer):
            x = _MARGIN + indent + place * (_WIDTH + _GAP_X)
            places[name] = Place(x, _MARGIN + depth * (_HEIGHT + _GAP_Y))
    return {name: places[name] for name in flow.nodes}


def _layers(flow: Flow) -> list[list[str]]:
    targets = flow.global_targets.values()
    starts = [flow.entry_language_unknown, flow.entry_language_known, flow.home, *targets]
    layers: list[list[str]] = []
    seen: set[str] = set()
    layer = list(dict.fromkeys(starts[:1]))
    rest = list(dict.fromkeys(starts[1:]))
    while layer or rest:
        if not layer:
            layer = [name for name in rest if name not in seen]
            rest = []
            if not layer:
                break
        seen.update(layer)
        layers.append(layer)
        after = [to for name in layer for to in flow.nodes[name].next.values() if to not in seen]
        layer = list(dict.fromkeys(after))
    return layers


def _together(edges: tuple[Edge, ...]) -> list[Edge]:
    """Ways between the same two nodes as one, with all their names."""
    found: dict[tuple[str, str], list[str]] = {}
    for edge in edges:
        found.setdefault((edge.source, edge.target), []).append(edge.outcome)
    return [Edge(source, ", ".join(names), to) for (source, to), names in found.items()]


def _node(flow: Flow, name: str, place: Place) -> str:
    kind = flow.nodes[name].kind
    colour = _COLOURS["ends" if kind.ends else "asks" if kind.asks else ""]
    if kind.name in ("api_caller", "voicemail"):
        colour = _COLOURS["waits"]
    middle = place.x + _WIDTH / 2
    return (
        f'<g><rect x="{place.x:.0f}" y="{place.y:.0f}" width="{_WIDTH}" height="{_HEIGHT}" rx="8" '
        f'fill="{colour}" stroke="#64748b"/>'
        f'<text x="{middle:.0f}" y="{place.y + 20:.0f}" text-anchor="middle" font-weight="bold">'
        f'{escape(name)}</text><text x="{middle:.0f}" y="{place.y + 36:.0f}" '
        f'text-anchor="middle" fill="#475569">{escape(kind.name)}</text></g>'
    )


def _edge(edge: Edge, places: Mapping[str, Place]) -> str:
    source, target = places[edge.source], places[edge.target]
    x1, y1 = source.x + _WIDTH / 2, source.y + _HEIGHT
    x2, y2 = target.x + _WIDTH / 2, target.y
    if target.y <= source.y:
        # Back up, round the side.
        x1, y1, y2 = source.x + _WIDTH, source.y + _HEIGHT / 2, target.y + _HEIGHT / 2
        x2 = target.x + _WIDTH
        bend = max(x1, x2) + 40
        path = f"M{x1:.0f} {y1:.0f}C{bend:.0f} {y1:.0f} {bend:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"
        label_x, label_y = bend - 14, (y1 + y2) / 2
    else:
        middle = (y1 + y2) / 2
        path = f"M{x1:.0f} {y1:.0f}C{x1:.0f} {middle:.0f} {x2:.0f} {middle:.0f} {x2:.0f} {y2:.0f}"
        # Near the source, where ways to several targets have parted already.
        label_x, label_y = x1 + (x2 - x1) * 0.35, y1 + (y2 - y1) * 0.4
    return (
        f'<path d="{path}" fill="none" stroke="#94a3b8" marker-end="url(#arrow)"/>'
        f'<text x="{label_x:.0f}" y="{label_y:.0f}" text-anchor="middle" font-size="10" '
        f'fill="#334155" stroke="white" stroke-width="3" paint-order="stroke">'
        f"{escape(edge.outcome)}</text>"
    )


def _mean(values: list[int], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
