"""What one trunk and one caller may have, and many calls beside a flood."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from tests.sip.caller import Caller
from tests.sip.conftest import sockets_of
from tests.sip.edge import TRUNK, Edge
from tests.sip.flooding import CALLS_A_SECOND, DEFINES, TRUNK_LIMITS, beside_a_flood
from tests.sip.node import ScriptedNode
from tests.sip.records import Cdrs

pytestmark = [pytest.mark.kamailio, pytest.mark.sipp]

Pair = tuple[ScriptedNode, ScriptedNode]
Limited = Callable[..., AbstractAsyncContextManager[tuple[Edge, Caller]]]


@pytest.fixture
def limited(edge_programs: None, tmp_path: Path, cdrs: Cdrs, nodes: Pair) -> Limited:
    """An edge whose trunk has limits, and a caller on that trunk."""

    @asynccontextmanager
    async def limited(limits: str, **defines: str) -> AsyncIterator[tuple[Edge, Caller]]:
        edge = Edge(
            tmp_path,
            {"first": nodes[0].address, "second": nodes[1].address},
            defines=defines,
            trunks=f"1 {TRUNK} 32 0 carrier/{limits}\n",
            sockets=sockets_of(cdrs.url),
        )
        await asyncio.to_thread(edge.start)
        caller = Caller(edge.port)
        await caller.open(TRUNK)
        try:
            yield edge, caller
        finally:
            caller.close()
            await asyncio.to_thread(edge.stop)

    return limited


async def test_a_trunk_has_so_many_calls_at_once(limited: Limited, cdrs: Cdrs) -> None:
    async with limited("0/3") as (_, caller):
        live = []
        for _ in range(3):
            live.append(caller.ring())
            assert await live[-1].status() == 200
        refused = caller.ring()
        assert await refused.status() == 503
        assert refused.final.result().get("Retry-After") == "5"
        row = await cdrs.of(refused.call_id)
        assert (row.status, row.cause, row.trunk) == (503, "trunk_full", "carrier")
        assert await caller.hang_up(live[0]) == 200
        assert await caller.ring().status() == 200


async def test_a_trunk_has_so_many_calls_a_second(limited: Limited, cdrs: Cdrs) -> None:
    async with limited("10/0") as (_, caller):
        calls = [caller.ring() for _ in range(40)]
        statuses = [await call.status() for call in calls]
        # Two windows of a second at most were touched.
        assert 10 <= statuses.count(200) <= 20
        assert statuses.count(503) == 40 - statuses.count(200)
        refused = calls[statuses.index(503)]
        assert refused.final.result().get("Retry-After") == "1"
        assert (await cdrs.of(refused.call_id)).cause == "trunk_too_fast"
        await asyncio.sleep(1.1)
        assert await caller.ring().status() == 200


async def test_a_caller_has_so_many_calls_a_minute(limited: Limited, cdrs: Cdrs) -> None:
    async with limited("0/0", IVR_CALLER_CPM="5") as (_, caller):
        calls = [caller.ring(number="+91777") for _ in range(6)]
        assert sorted([await call.status() for call in calls]) == [200] * 5 + [480]
        (refused,) = [call for call in calls if call.final.result().status == 480]
        assert refused.final.result().get("Retry-After") == "60"
        assert (await cdrs.of(refused.call_id)).cause == "caller_too_often"
        assert await caller.ring(number="+91778").status() == 200


@pytest.mark.timeout(120)
async def test_thirty_calls_a_second_beside_a_flood(
    limited: Limited, nodes: Pair, tmp_path: Path
) -> None:
    """A quarter of a minute; bench/edge_flood.py has the whole one, with its times."""
    seconds = 15
    async with limited(TRUNK_LIMITS, **DEFINES) as (edge, _):
        found = await beside_a_flood(edge, nodes, seconds, tmp_path)
    wanted = seconds * CALLS_A_SECOND
    assert (found.trunk.succeeded, found.trunk.failed) == (wanted, 0), found.trunk.errors
    assert found.carried == wanted
    assert found.strangers < 400, "the flood went on reaching the nodes"
