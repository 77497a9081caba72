"""A node rings outside: by the ways of set 2, in their order, and by no other."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic

import pytest

from tests.sip.caller import Caller
from tests.sip.conftest import sockets_of
from tests.sip.edge import Edge
from tests.sip.node import RINGING, SILENT, ScriptedNode
from tests.sip.records import Cdrs
from tests.telephony.asterisk.switch import free_port

pytestmark = [pytest.mark.kamailio, pytest.mark.postgres]

NODE = "127.0.0.30"
ANSWER_MS = 1500

Ways = tuple[ScriptedNode, ScriptedNode]


@pytest.fixture
async def ways() -> AsyncIterator[Ways]:
    """Two carriers, at addresses that are no trunk's."""
    pair = (ScriptedNode(), ScriptedNode())
    for number, way in enumerate(pair, 1):
        await way.open(f"127.0.0.4{number}")
    yield pair
    for way in pair:
        way.close()


@pytest.fixture
async def agent_line(
    edge_programs: None, tmp_path: Path, cdrs: Cdrs, ways: Ways
) -> AsyncIterator[Caller]:
    """A node that rings an agent outside."""
    port = free_port(socket.SOCK_DGRAM)
    edge = Edge(
        tmp_path,
        {"node": f"{NODE}:{port}"},
        defines={"IVR_ANSWER_MS": str(ANSWER_MS)},
        ways_out=[way.address for way in ways],
        sockets=sockets_of(cdrs.url),
    )
    await asyncio.to_thread(edge.start)
    caller = Caller(edge.port)
    await caller.open(NODE, port)
    yield caller
    caller.close()
    await asyncio.to_thread(edge.stop)


async def test_a_node_rings_out_by_the_first_way_at_its_own_name(
    agent_line: Caller, ways: Ways, cdrs: Cdrs
) -> None:
    private = (("X-IVR-Trunk", "carrier"), ("X-IVR-Call", "0"))
    call = agent_line.ring("+914099", *private)
    assert await call.status() == 200
    (invite,) = ways[0].invites
    assert invite.uri == f"sip:+914099@{ways[0].address}"
    assert not [name for name, _ in invite.headers if name.startswith("X-IVR")]
    assert not ways[1].invites
    assert await agent_line.hang_up(call) == 200
    assert len(ways[0].seen("BYE")) == 1
    row = await cdrs.of(call.call_id)
    assert (row.trunk, row.node, row.called) == ("outward", "way-1", "+914099")


async def test_an_agent_outside_hangs_up(agent_line: Caller, ways: Ways) -> None:
    call = agent_line.ring()
    assert await call.status() == 200
    ways[0].hang_up(ways[0].invites[0])
    await asyncio.wait_for(call.ended.wait(), 5)


@pytest.mark.parametrize("status", [500, 503, SILENT])
async def test_a_way_that_cannot_is_followed_by_the_next(
    status: int, agent_line: Caller, ways: Ways, cdrs: Cdrs
) -> None:
    ways[0].invite = status
    call = agent_line.ring("+914099")
    assert await call.status() == 200
    assert len(ways[0].invites) == 1
    (invite,) = ways[1].invites
    assert invite.uri == f"sip:+914099@{ways[1].address}"
    assert await agent_line.hang_up(call) == 200
    assert (await cdrs.of(call.call_id)).node == "way-2"


async def test_what_an_agent_decided_is_final(agent_line: Caller, ways: Ways, cdrs: Cdrs) -> None:
    ways[0].invite = 486
    call = agent_line.ring()
    assert await call.status() == 486
    assert not ways[1].invites
    assert (await cdrs.of(call.call_id)).cause == "busy"


async def test_an_agent_who_does_not_pick_up_is_rung_once(
    agent_line: Caller, ways: Ways, cdrs: Cdrs
) -> None:
    ways[0].invite = RINGING
    call = agent_line.ring()
    assert await call.status() == 408
    assert not ways[1].invites
    async with asyncio.timeout(5):
        while not ways[0].seen("CANCEL"):
            await asyncio.sleep(0.05)
    row = await cdrs.of(call.call_id)
    assert (row.status, row.cause, row.answered_at) == (408, "no_answer", None)


async def test_without_a_way_out_there_is_a_503(agent_line: Caller, ways: Ways, cdrs: Cdrs) -> None:
    for way in ways:
        way.options = 503
    deadline = monotonic() + 15
    while True:
        before = sum(len(way.invites) for way in ways)
        call = agent_line.ring()
        status = await call.status()
        if sum(len(way.invites) for way in ways) == before:
            break
        assert monotonic() < deadline
        assert await agent_line.hang_up(call) == 200
        await asyncio.sleep(0.2)
    assert status == 503
    assert call.final.result().get("Retry-After") == "5"
    row = await cdrs.of(call.call_id)
    assert (row.status, row.cause, row.trunk) == (503, "no_way_out", "outward")


async def test_only_nodes_ring_out(agent_line: Caller, ways: Ways) -> None:
    """A carrier who rings is no node, whatever set 2 says of it."""
    carrier = Caller(agent_line.edge_port)
    await carrier.open("127.0.0.41")
    call = carrier.ring("+1900")
    assert await call.status() == 403
    carrier.close()
    assert not any(way.invites for way in ways)
