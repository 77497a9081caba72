"""Which node takes a call, and which one next."""

from __future__ import annotations

import asyncio
from time import monotonic

import pytest

from tests.sip.caller import Caller
from tests.sip.edge import Edge
from tests.sip.node import SILENT, ScriptedNode
from tests.sip.records import Cdrs

pytestmark = pytest.mark.kamailio

Pair = tuple[ScriptedNode, ScriptedNode]


async def test_calls_go_to_the_nodes_in_turn(nodes: Pair, caller: Caller) -> None:
    for _ in range(4):
        call = caller.ring()
        assert await call.status() == 200
        assert await caller.hang_up(call) == 200
    assert [len(node.invites) for node in nodes] == [2, 2]
    assert [len(node.seen("BYE")) for node in nodes] == [2, 2]


@pytest.mark.parametrize("status", [500, 503])
async def test_a_node_that_cannot_is_followed_by_the_next(
    status: int, nodes: Pair, caller: Caller, cdrs: Cdrs
) -> None:
    nodes[0].invite = status
    calls = [caller.ring() for _ in range(4)]
    assert [await call.status() for call in calls] == [200] * 4
    assert len(nodes[0].invites) >= 1
    assert len(nodes[1].invites) == 4
    for call in calls:
        assert await caller.hang_up(call) == 200
        assert (await cdrs.of(call.call_id)).node == "second"


@pytest.mark.parametrize(
    ("status", "cause"), [(486, "busy"), (404, "no_such_number"), (603, "declined")]
)
async def test_what_a_node_decided_about_the_caller_is_final(
    status: int, cause: str, nodes: Pair, caller: Caller, cdrs: Cdrs
) -> None:
    for node in nodes:
        node.invite = status
    call = caller.ring()
    assert await call.status() == status
    assert sum(len(node.invites) for node in nodes) == 1
    row = await cdrs.of(call.call_id)
    assert (row.status, row.cause, row.answered_at) == (status, cause, None)


async def test_silence_fails_over_within_two_and_a_half_seconds(
    nodes: Pair, caller: Caller, edge: Edge
) -> None:
    nodes[0].invite = SILENT
    calls = [caller.ring() for _ in range(2)]
    assert [await call.status() for call in calls] == [200, 200]
    assert len(nodes[0].invites) == 1
    slowest = max(call.took_s for call in calls)
    assert 1.5 < slowest < 2.5
    # Its probes are answered, and so it is believed in again.
    nodes[0].invite = 200
    await tried_again(caller, nodes[0])


async def tried_again(caller: Caller, node: ScriptedNode, within_s: float = 10.0) -> None:
    before = len(node.invites)
    deadline = monotonic() + within_s
    while len(node.invites) == before:
        assert monotonic() < deadline, "the node that came back is not used"
        assert await caller.ring().status() == 200
        await asyncio.sleep(0.2)


@pytest.mark.parametrize("calls", [0, 2], ids=["found-by-probes", "found-by-calls"])
async def test_a_dead_node_is_out_within_five_seconds_and_comes_back(
    calls: int, nodes: Pair, caller: Caller
) -> None:
    dead, port = nodes[0], int(nodes[0].address.split(":")[1])
    dead.close()
    killed = monotonic()
    for call in [caller.ring() for _ in range(calls)]:
        assert await call.status() == 200
    while monotonic() < killed + 5:
        await asyncio.sleep(0.1)
    late = [caller.ring() for _ in range(6)]
    assert [await call.status() for call in late] == [200] * 6
    assert max(call.took_s for call in late) < 0.5, "a call still tried the dead node"
    await dead.open(port=port)
    await tried_again(caller, dead)


async def test_no_node_at_all_is_a_503_that_says_when_to_come_back(
    nodes: Pair, caller: Caller, cdrs: Cdrs
) -> None:
    for node in nodes:
        node.invite = node.options = 503
    call = caller.ring()
    assert await call.status() == 503
    assert call.final.result().get("Retry-After") == "5"
    row = await cdrs.of(call.call_id)
    assert (row.status, row.cause) == (503, "no_node")
    deadline = monotonic() + 5
    while True:  # the probes have found out
        tries = sum(len(node.invites) for node in nodes)
        call = caller.ring()
        assert await call.status() == 503
        if sum(len(node.invites) for node in nodes) == tries:
            break
        assert monotonic() < deadline
    assert call.final.result().get("Retry-After") == "5"
    row = await cdrs.of(call.call_id)
    assert (row.status, row.cause, row.node) == (503, "no_node", "")
