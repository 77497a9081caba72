"""Gap against cut-offs, drawn as SVG: one point for each strategy, those of one family joined.
Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 760, 460
_LEFT, _TOP, _RIGHT, _BOTTOM = 70, 40, 730, 400
_COLOURS = ("#888888", "#1f6fb2", "#c2410c", "#15803d")


@dataclass(frozen=True, slots=True)
class Point:
    """A strategy: how long callers wait in the median, ms, and the share of turns that are cut
    off, 0..1, with its interval."""

    family: str
    name: str
    gap_ms: float
    cut_off: float
    low: float
    high: float


def chart(points: Sequence[Point], title: str) -> str:
    """Return the drawing."""
    most_ms = max(100.0, max(point.gap_ms for point in points) * 1.15)
    most = max(0.02, max(point.high for point in points) * 1.1)

    def at(gap_ms: float, share: float) -> tuple[float, float]:
        x = _LEFT + (_RIGHT - _LEFT) * gap_ms / most_ms
        return round(x, 1), round(_BOTTOM - (_BOTTOM - _TOP) * share / most, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="22" font-size="15">{escape(title)}</text>',
        *_axes(most_ms, most),
    ]
    families = list(dict.fromkeys(point.family for point in points))
    for number, family in enumerate(families):
        colour = _COLOURS[number % len(_COLOURS)]
        own = [point for point in points if point.family == family]
        places = [at(point.gap_ms, point.cut_off) for point in own]
        line = " ".join(f"{x},{y}" for x, y in places)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}"/>')
        for point, (x, y) in zip(own, places, strict=True):
            low, high = at(point.gap_ms, point.low)[1], at(point.gap_ms, point.high)[1]
            parts += [
                f'<line x1="{x}" y1="{low}" x2="{x}" y2="{high}" stroke="{colour}" '
                'stroke-opacity="0.4"/>',
                f'<circle cx="{x}" cy="{y}" r="4" fill="{colour}"/>',
                f'<text x="{x + 7}" y="{y - 6}" fill="{colour}">{escape(point.name)}</text>',
            ]
    return "\n".join([*parts, "</svg>", ""])


def _axes(most_ms: float, most: float) -> list[str]:
    middle = (_LEFT + _RIGHT) / 2
    parts = [
        f'<path d="M{_LEFT},{_TOP} V{_BOTTOM} H{_RIGHT}" fill="none" stroke="black"/>',
        f'<text x="{middle}" y="{_HEIGHT - 12}" text-anchor="middle">'
        "from the caller's last sound to the answer, median, ms</text>",
        f'<text x="18" y="{(_TOP + _BOTTOM) / 2}" text-anchor="middle" '
        f'transform="rotate(-90 18 {(_TOP + _BOTTOM) / 2})">turns cut off, %</text>',
    ]
    for step in range(0, int(most_ms) + 1, 100):
        x = _LEFT + (_RIGHT - _LEFT) * step / most_ms
        parts.append(f'<text x="{x:.0f}" y="{_BOTTOM + 18}" text-anchor="middle">{step}</text>')
    every = 0.02 if most < 0.12 else 0.05
    for number in range(int(most / every) + 1):
        share = number * every
        y = _BOTTOM - (_BOTTOM - _TOP) * share / most
        parts += [
            f'<text x="{_LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{share * 100:.0f}</text>',
            f'<path d="M{_LEFT},{y:.1f} H{_RIGHT}" stroke="#dddddd"/>',
        ]
    return parts
