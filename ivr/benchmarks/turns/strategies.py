"""The strategies that are compared: what each adds, in the order in which they were built."""

from __future__ import annotations

from collections.abc import Mapping

from ivr.conversation.rules import TurnRules

_NEVER = -1.0


def _silence(ms: float) -> dict[str, float]:
    """Silence alone ends a turn, whatever was said, and an end is an end."""
    ends = ("complete", "understood", "doubtful", "open", "unfinished", "unheard")
    return {f"endpoint_{end}_ms": ms for end in ends} | {"rejoin_ms": _NEVER}


_WHATEVER_ENDS = {"goes_on_below": 0.0, "doubtful_from": 0.0, "ends_from": 0.0}

STRATEGIES: Mapping[str, Mapping[str, Mapping[str, float]]] = {
    "silence alone": {f"{ms} ms": _silence(ms) for ms in (200, 400, 700, 1000)},
    "what was said": {
        "by words": {
            "rejoin_ms": _NEVER,
            "doubtful_from": 0.0,
            "ends_from": 0.0,
            "goes_on_below": 0.0,
        }
    },
    "and how sentences end": {"by endings": {"rejoin_ms": _NEVER}},
    "and taking back": {"taken back": {"rejoin_ms": TurnRules().rejoin_ms}},
}
"""Family to its members, each the fields of `TurnRules` that differ."""
