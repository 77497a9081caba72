"""Where the time of answers goes, stage by stage: from the lines `waterfall` of the worker's log,
each held against what the phone heard. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ivr.benchmarks.turns.judge import Outcome
from ivr.benchmarks.turns.turn import Kind
from ivr.conversation.waterfall import STAGES

KINDS = (Kind.CLOSED, Kind.OPEN, Kind.KEYS)
LINE = "on the line"
"""The rest: until the frame had left, and until the phone had it."""
_SLOW = 0.05

Stages = Mapping[str, float]


def last_of_each_call(log: Iterable[str]) -> Mapping[str, Stages]:
    """The stages, in ms, of the last answer of each call, by the call's id. What answered half a
    turn, and was taken back, came before that."""
    found: dict[str, Stages] = {}
    for line in log:
        if '"waterfall"' not in line:
            continue
        event = json.loads(line)
        if event["event"] == "waterfall":
            found[event["call_id"]] = {stage: float(event.get(stage, 0.0)) for stage in STAGES}
    return found


def by_stage(
    outcomes: Iterable[Outcome], stages: Mapping[str, Stages]
) -> dict[str, dict[str, float | None]]:
    """A row for each stage and one for the whole gap, in ms: median and 95th percentile of each
    kind of turn, and the mean of the twentieth of them that waited longest. `stages` by the turn's
    id. Percentiles of stages do not add up to that of the gap; means do."""
    answered = [
        each for each in outcomes if each.gap_ms is not None and stages.get(each.id) is not None
    ]
    rows: dict[str, dict[str, float | None]] = {stage: {} for stage in (*STAGES, LINE, "all")}
    for kind in KINDS:
        turns = sorted(
            (each for each in answered if each.kind is kind), key=lambda each: each.gap_ms or 0.0
        )
        slow = turns[-max(1, round(len(turns) * _SLOW)) :] if turns else []
        for row, cells in rows.items():
            cells[f"{kind.value} p50"] = _percentile(_spent(row, turns, stages), 50)
            cells[f"{kind.value} p95"] = _percentile(_spent(row, turns, stages), 95)
            cells[f"{kind.value}, slowest 5 %"] = _mean(_spent(row, slow, stages))
    return rows


def _spent(row: str, turns: Sequence[Outcome], stages: Mapping[str, Stages]) -> list[float]:
    gaps = [each.gap_ms or 0.0 for each in turns]
    if row == "all":
        return gaps
    if row == LINE:
        return [gap - sum(stages[each.id].values()) for gap, each in zip(gaps, turns, strict=True)]
    return [stages[each.id][row] for each in turns]


def _percentile(values: Sequence[float], share: float) -> float | None:
    return round(float(np.percentile(values, share)), 1) if values else None


def _mean(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 1) if values else None
