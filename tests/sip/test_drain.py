"""`ivrctl nodes`; draining with live calls is shown in test_asterisk_nodes.py and
test_freeswitch_nodes.py."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from tests.sip.caller import Caller
from tests.sip.draining import ivrctl_nodes
from tests.sip.edge import Edge
from tests.sip.node import ScriptedNode

pytestmark = pytest.mark.kamailio

Pair = tuple[ScriptedNode, ScriptedNode]


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
        while sorted(state for state, _ in (await ivrctl_nodes(edge, "list")).values()) != [
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
