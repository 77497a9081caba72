"""The arithmetic of `ivrctl plan`; how near it comes to the truth, bench/plan.py measures."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from ivr.cli.main import cli
from ivr.errors import IvrError
from ivr.load.costs import Costs, Observation, PartCosts, fit, load_costs
from ivr.load.plan import Limits, plan

EDGE = PartCosts(idle=0.02, setup_s=0.002, call=0, talk=0)
SWITCH = PartCosts(idle=0.01, setup_s=0.005, call=0.003, talk=0)
WORKER = PartCosts(idle=0.02, setup_s=0.01, call=0.001, talk=0.008)
STORES = PartCosts(idle=0.01, setup_s=0.004, call=0, talk=0)
COSTS = Costs(
    edge=EDGE,
    switch=SWITCH,
    worker=WORKER,
    stores=STORES,
    measured_on="paper",
    measured_at=datetime(2026, 1, 1, tzinfo=UTC),
)

small = st.floats(0, 0.01).map(lambda value: round(value, 5))


def test_a_plan_by_hand() -> None:
    found = plan(1000, 0.25, 100, COSTS)
    assert found.calls_a_second == 10
    assert found.edge_cores == pytest.approx(0.02 + 10 * 0.002)
    assert found.switches == 5
    assert found.switch_cores == pytest.approx(5 * 0.01 + 1000 * 0.003 + 10 * 0.005)
    moving = 1000 * (0.001 + 0.25 * 0.008) + 10 * 0.01
    # 3.1 cores of work, and a worker has 0.6 - 0.02 of a core for it.
    assert found.workers == 6
    assert found.worker_cores == pytest.approx(6 * 0.02 + moving)
    assert found.store_cores == pytest.approx(0.01 + 10 * 0.004)
    busy = found.edge_cores + found.switch_cores + found.worker_cores + found.store_cores
    assert found.cores == 11
    assert 10 < busy / 0.6 < 11
    # 50 packets of 218 bytes a second, each way.
    assert found.trunk_mbit_s == 87.2
    assert (found.files_per_worker, found.files_per_switch) == (256 + 167 * 4, 256 + 200 * 12)
    assert found.rtp_ports_per_switch == 400


def test_more_speech_takes_more_workers_and_no_more_switches() -> None:
    quiet, loud = plan(1000, 0.1, 120, COSTS), plan(1000, 0.9, 120, COSTS)
    assert loud.workers > quiet.workers
    assert (loud.switches, loud.switch_cores) == (quiet.switches, quiet.switch_cores)
    one = plan(1, 0.25, 120, COSTS)
    assert one.workers == one.switches == 1
    assert plan(400, 0.25, 120, COSTS, Limits(calls_per_switch=100)).switches == 4


@given(small, small, small, small)
def test_costs_are_found_again_in_what_they_make(
    idle: float, setup_s: float, call: float, talk: float
) -> None:
    true = PartCosts(idle=idle + 0.001, setup_s=setup_s, call=call, talk=talk)
    found = fit(
        [
            Observation(calls=n, talk=t, calls_a_second=r, cores=true.cores(n, t, r))
            for n, t, r in ((0, 0, 0), (8, 0.1, 0.4), (28, 0.1, 1.4), (8, 0.5, 0.4), (12, 0.1, 3))
        ]
    )
    for n, t, r in ((15, 0.25, 0.7), (35, 0.25, 1.7)):
        assert found.cores(n, t, r) == pytest.approx(true.cores(n, t, r), rel=1e-3)


def test_no_cost_is_below_zero_whatever_was_measured() -> None:
    falling = [
        Observation(calls=n, talk=0.1, calls_a_second=n / 20, cores=0.5 - n / 100)
        for n in (5, 10, 20, 30)
    ]
    found = fit(falling)
    assert min(found.idle, found.setup_s, found.call, found.talk) >= 0
    with pytest.raises(ValueError, match="four observations"):
        fit(falling[:3])


def test_what_is_known_to_cost_nothing_costs_nothing() -> None:
    seen = [
        Observation(calls=n, talk=t, calls_a_second=r, cores=0.02 + 0.002 * r + 0.0001 * n * t)
        for n, t, r in ((0, 0, 0), (8, 0.1, 0.4), (28, 0.5, 1.4), (12, 0.1, 3))
    ]
    found = fit(seen, ("idle", "setup_s"))
    assert (found.call, found.talk) == (0, 0)
    assert found.idle == pytest.approx(0.02, rel=0.1)


def test_the_delivered_costs_are_read_and_other_ones_may_be_named(tmp_path: Path) -> None:
    delivered = load_costs()
    run = CliRunner().invoke(cli, ["plan", "--calls", "1000", "--talk", "0.25", "--json"])
    assert json.loads(run.output)["worker_cores"] == pytest.approx(
        plan(1000, 0.25, 120, delivered).worker_cores
    )
    file = tmp_path / "costs.json"
    file.write_text(COSTS.model_dump_json())
    run = CliRunner().invoke(cli, ["plan", "--costs", str(file)])
    assert "from costs measured on paper, 2026-01-01" in run.output
    file.write_text("{}")
    with pytest.raises(IvrError, match="holds no measured costs"):
        load_costs(file)
