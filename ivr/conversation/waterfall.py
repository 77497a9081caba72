"""Where the time goes between a caller's last sound and the answer's first: stage by stage, of
each turn. Pure; times in ms on any monotonic scale.

    endpoint       silence until the turn was taken to be over
    recognition    until its words were known
    understanding  until they meant something
    flow           until it was known what follows
    integration    until what the flow asks of others had been answered
    saving         until the session was saved
    synthesis      until the answer's first sound was queued on the line

The rest, up to 20 ms, is the wait for the next frame to leave.
"""

from __future__ import annotations

from typing import Final

STAGES: Final = (
    "endpoint",
    "recognition",
    "understanding",
    "flow",
    "integration",
    "saving",
    "synthesis",
)


class Waterfall:
    """The turn under way of one call."""

    def __init__(self) -> None:
        self._last_ms: float | None = None
        self._stages: dict[str, float] = {}

    def begin(self, end_ms: float) -> None:
        """A turn of the caller's is over; its last sound, or key, was at `end_ms`."""
        self._last_ms = end_ms
        self._stages = {}

    def mark(self, stage: str, now_ms: float) -> None:
        """`stage` is done now; a stage that comes twice counts twice. Nothing before `begin`."""
        if self._last_ms is not None:
            spent = max(0.0, now_ms - self._last_ms)
            self._stages[stage] = self._stages.get(stage, 0.0) + spent
            self._last_ms = now_ms

    def take(self) -> dict[str, float]:
        """Return what each stage took, and begin anew; empty where nobody had spoken."""
        stages, self._stages, self._last_ms = self._stages, {}, None
        return stages
