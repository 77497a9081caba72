"""Where the time goes, from a worker's log and what the phone heard."""

from __future__ import annotations

import json

import pytest

from ivr.benchmarks.turns.judge import Outcome
from ivr.benchmarks.turns.turn import Kind
from ivr.benchmarks.turns.waterfalls import LINE, by_stage, last_of_each_call
from ivr.conversation.waterfall import STAGES


def logged(call: str, **spent: float) -> str:
    return json.dumps({"event": "waterfall", "call_id": call, "gap_ms": 1.0, **spent})


def test_the_last_answer_of_a_call_counts() -> None:
    log = [
        logged("a", endpoint=20.0),
        "Traceback (most recent call last):",
        logged("a", endpoint=240.0, flow=1.5),
        json.dumps({"event": "turn", "call_id": "b", "text": "waterfall"}),
    ]
    stages = last_of_each_call(log)
    assert set(stages) == {"a"}
    assert (stages["a"]["endpoint"], stages["a"]["flow"], stages["a"]["saving"]) == (240, 1.5, 0)


def test_stages_and_the_rest_make_the_gap() -> None:
    gaps = [200.0 + 10 * number for number in range(20)]
    outcomes = [Outcome(f"t{number}", Kind.OPEN, "open", gap) for number, gap in enumerate(gaps)]
    nothing = dict.fromkeys(STAGES, 0.0)
    stages = {one.id: {**nothing, "endpoint": (one.gap_ms or 0) - 50} for one in outcomes}
    outcomes.append(Outcome("silent", Kind.OPEN, "open", None))
    rows = by_stage(outcomes, stages)
    assert rows["all"]["open p50"] == 295.0
    assert rows[LINE]["open p50"] == rows[LINE]["open, slowest 5 %"] == 50.0
    assert rows["endpoint"]["open, slowest 5 %"] == pytest.approx(max(gaps) - 50)
    assert rows["endpoint"]["keys p50"] is None
