"""The bank in process answers as the bank over HTTP does, fault by fault."""

from __future__ import annotations

import pytest

from ivr.dialogue.actions import CallApi
from ivr.dialogue.flow import Flow
from ivr.dialogue.inputs import ApiReplied
from ivr.scenarios.scenario import Scenario
from ivr.scenarios.world import World, world_in_process, world_over_http
from tests.dialogue.talking import BANK

READ = CallApi(request_id="r", name="bank", method="GET", path="/accounts/447123", timeout_ms=400)
PAY = CallApi(
    request_id="p",
    name="bank",
    method="POST",
    path="/transfers",
    body={"from": "447123", "to": "123456", "amount": "5"},
    idempotency_key="k1",
    timeout_ms=400,
)

Faults = list[dict[str, object]]


def scenario_with(faults: Faults) -> Scenario:
    return Scenario.model_validate({"name": "a", "integrations": faults, "steps": [{"say": "a"}]})


async def asked(world: World, request: CallApi) -> tuple[ApiReplied, dict[str, int]]:
    reply = await world.call(request)
    return reply, world.done()


@pytest.mark.parametrize(
    ("request_", "faults"),
    [
        (READ, []),
        (READ, [{"on": "GET /accounts", "cut": "before"}]),
        (READ, [{"on": "GET /accounts", "cut": "before", "times": 9}]),
        (READ, [{"on": "GET /accounts", "cut": "after"}]),
        (READ, [{"on": "GET /accounts", "delay_after_s": 0.6, "times": 9}]),
        (READ, [{"on": "GET /accounts", "delay_after_s": 0.05}]),
        (READ, [{"on": "GET /accounts", "status": 503, "times": 9}]),
        (READ, [{"on": "GET /accounts", "status": 200, "body": "{", "times": 9}]),
        (READ, [{"on": "GET /accounts", "body": "<p>", "content_type": "text/html"}]),
        (PAY, []),
        (PAY, [{"on": "POST /transfers", "cut": "before"}]),
        (PAY, [{"on": "POST /transfers", "cut": "after"}]),
        (PAY, [{"on": "POST /transfers", "delay_after_s": 0.6}]),
        (PAY, [{"on": "POST /transfers", "status": 422, "body": '{"error": "no"}'}]),
        (
            PAY,
            [
                {"on": "POST /transfers", "cut": "after"},
                {"on": "GET /transfers", "status": 500, "times": 9},
            ],
        ),
    ],
)
async def test_both_worlds_answer_alike(request_: CallApi, faults: Faults) -> None:
    flow, scenario = Flow.load(BANK), scenario_with(faults)
    async with world_in_process(scenario, flow) as world:
        here, done_here = await asked(world, request_)
    async with world_over_http(scenario, flow) as world:
        there, done_there = await asked(world, request_)
    assert (here.ok, here.status, here.data) == (there.ok, there.status, there.data)
    assert bool(here.error) == bool(there.error)
    assert done_here["transfers"] == done_there["transfers"]


async def test_late_work_is_done_after_the_answer_was_given_up() -> None:
    faults: Faults = [{"on": "POST /transfers", "delay_before_s": 1}]
    async with world_in_process(scenario_with(faults), Flow.load(BANK)) as world:
        reply = await world.call(PAY)
        assert not reply.ok
        assert world.done()["transfers"] == 1
        again = await world.call(PAY)
        assert again.ok
        assert world.done()["transfers"] == 1
