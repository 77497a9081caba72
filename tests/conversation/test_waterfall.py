"""Where the time of an answer went."""

from __future__ import annotations

from ivr.conversation.waterfall import STAGES, Waterfall
from tests.conversation.spoken_call import Scene


def test_each_stage_counts_from_the_end_of_the_one_before() -> None:
    waterfall = Waterfall()
    waterfall.mark("saving", 5.0)
    waterfall.begin(1000.0)
    for stage, at in (("endpoint", 1120.0), ("flow", 1125.0), ("saving", 1126.0)):
        waterfall.mark(stage, at)
    waterfall.mark("flow", 1130.0)
    assert waterfall.take() == {"endpoint": 120.0, "flow": 9.0, "saving": 1.0}
    assert waterfall.take() == {}


async def test_operators_see_the_stages_of_each_answer_and_they_make_up_the_gap() -> None:
    scene = Scene()
    await scene.ring()
    await scene.hear_out()
    await scene.say("balance")
    await scene.hear_out()
    sample = scene.services.metrics.registry.get_sample_value
    spent = {stage: sample("ivr_answer_stage_seconds_sum", {"stage": stage}) for stage in STAGES}
    assert spent.pop("integration") is None
    assert sample("ivr_answer_stage_seconds_count", {"stage": "endpoint"}) == 1
    answer = next(turn for turn in scene.records.turns if turn.gap_ms is not None)
    assert answer.gap_ms is not None
    assert abs(sum(value or 0.0 for value in spent.values()) * 1000 - answer.gap_ms) < 0.1
