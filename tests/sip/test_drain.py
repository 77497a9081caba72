"""A drained node takes no call and loses none; `ivrctl nodes` shows it as it happens."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import Any

import pytest

from tests.sip.caller import Caller
from tests.sip.edge import Edge
from tests.sip.node import ScriptedNode
from tests.sip.records import Cdrs

pytestmark = pytest.mark.kamailio

Pair = tuple[ScriptedNode, ScriptedNode]

LIVE = 20


async def ivrctl(edge: Edge, *arguments: str) -> list[dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ivr.cli.main", "nodes", *arguments, "--json"),
        *("--edge", str(edge.rpc_socket)),
        stdout=subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    answer: list[dict[str, Any]] = json.loads(out)
    return answer


def states(listing: list[dict[str, Any]]) -> dict[str, tuple[str, int]]:
    return {node["name"]: (node["state"], node["calls"]) for node in listing}


async def test_a_drained_node_finishes_its_calls_and_takes_none(
    nodes: Pair, caller: Caller, edge: Edge, cdrs: Cdrs
) -> None:
    calls = [caller.ring() for _ in range(2 * LIVE)]
    assert {await call.status() for call in calls} == {200}
    assert [len(node.invites) for node in nodes] == [LIVE, LIVE]
    assert states(await ivrctl(edge, "list")) == {
        "first": ("ready", LIVE),
        "second": ("ready", LIVE),
    }
    assert states(await ivrctl(edge, "drain", "first")) == {"first": ("drained", LIVE)}

    late = [caller.ring() for _ in range(10)]
    assert {await call.status() for call in late} == {200}
    assert [len(node.invites) for node in nodes] == [LIVE, LIVE + 10]
    # Long enough for every probe that might make it ready again.
    await asyncio.sleep(3)
    assert states(await ivrctl(edge, "list"))["first"] == ("drained", LIVE)

    on_first = {invite.get("Call-ID") for invite in nodes[0].invites}
    draining = [call for call in calls if call.call_id in on_first]
    for gone, call in enumerate(draining, 1):
        assert not call.ended.is_set()
        assert await caller.hang_up(call) == 200
        if gone == LIVE // 2:
            assert states(await ivrctl(edge, "list"))["first"] == ("drained", LIVE - gone)
    assert states(await ivrctl(edge, "list"))["first"] == ("drained", 0)
    assert len(nodes[0].seen("BYE")) == LIVE
    for call in draining:
        row = await cdrs.of(call.call_id)
        assert (row.node, row.cause) == ("first", "caller_hung_up")

    assert states(await ivrctl(edge, "undrain", "first"))["first"][0] == "ready"
    again = [caller.ring() for _ in range(4)]
    assert {await call.status() for call in again} == {200}
    assert len(nodes[0].invites) == LIVE + 2


async def test_a_node_that_says_503_to_its_probes_is_drained_by_itself(
    nodes: Pair, caller: Caller, edge: Edge
) -> None:
    """What `fsctl pause inbound` does to a FreeSWITCH."""
    call = caller.ring()
    assert await call.status() == 200
    for node in nodes:
        node.options = 200 if node.invites == [] else 503
    (busy,) = [node for node in nodes if node.options == 503]
    async with asyncio.timeout(6):
        while sorted(state for state, _ in states(await ivrctl(edge, "list")).values()) != [
            "away",
            "ready",
        ]:
            await asyncio.sleep(0.1)
    late = [caller.ring() for _ in range(4)]
    assert {await each.status() for each in late} == {200}
    assert len(busy.invites) == 1
    assert await caller.hang_up(call) == 200
    assert len(busy.seen("BYE")) == 1


async def test_a_node_that_nobody_knows_is_named(edge: Edge) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ivr.cli.main", "nodes", "drain", "third"),
        *("--edge", str(edge.rpc_socket)),
        stderr=subprocess.PIPE,
    )
    _, err = await process.communicate()
    assert process.returncode == 2
    assert err.decode() == "ivrctl: There is no node 'third'. Known are: first, second.\n"
