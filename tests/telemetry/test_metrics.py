"""What Prometheus reads."""

from __future__ import annotations

import math

from prometheus_client.parser import text_string_to_metric_families

from ivr.telemetry.metrics import Metrics


def values(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.render())
        for sample in family.samples
    }


def test_calls_turns_and_gaps_are_counted() -> None:
    metrics = Metrics()
    for _ in range(3):
        metrics.call_began()
    metrics.call_ended("caller")
    metrics.call_ended("line\n{forged}")
    metrics.turn_taken("caller")
    metrics.turn_taken("bot", 412.5)
    metrics.turn_taken("bot", math.nan)
    metrics.turn_interrupted()
    metrics.frame_left(0.003)
    metrics.synthesis_failed()
    read = values(metrics)
    assert read["ivr_calls_live", ()] == 1
    assert read["ivr_calls_total", (("cause", "caller"),)] == 1
    assert read["ivr_calls_total", (("cause", "other"),)] == 1
    assert read["ivr_calls_total", (("cause", "bot"),)] == 0
    assert read["ivr_turns_total", (("who", "bot"),)] == 2
    assert read["ivr_turns_interrupted_total", ()] == 1
    assert read["ivr_answer_gap_seconds_count", ()] == 1
    assert read["ivr_answer_gap_seconds_sum", ()] == 0.4125
    assert read["ivr_answer_gap_seconds_bucket", (("le", "0.4"),)] == 0
    assert read["ivr_answer_gap_seconds_bucket", (("le", "0.5"),)] == 1
    assert read["ivr_playout_lag_seconds_bucket", (("le", "0.005"),)] == 1
    assert read["ivr_synthesis_failures_total", ()] == 1


def test_backlogs_are_asked_for_when_they_are_read_and_may_fail() -> None:
    metrics = Metrics()
    backlog = [5]
    metrics.watch_records(lambda: backlog[0])
    metrics.watch_recogniser(lambda: 1 / 0)
    assert values(metrics)["ivr_records_backlog", ()] == 5
    backlog[0] = 7
    read = values(metrics)
    assert read["ivr_records_backlog", ()] == 7
    assert math.isnan(read["ivr_recogniser_backlog_seconds", ()])


def test_two_workers_in_one_process_do_not_share_their_numbers() -> None:
    one, two = Metrics(), Metrics()
    one.call_began()
    assert values(two)["ivr_calls_live", ()] == 0
