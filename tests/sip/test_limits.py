"""What one trunk and one caller may have, and many calls beside a flood."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from time import monotonic

import pytest

from ivr.load.sipp import SCENARIOS, SippJob, result, start
from tests.sip.caller import Caller
from tests.sip.conftest import sockets_of
from tests.sip.edge import STRANGER, TRUNK, Edge
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


@pytest.mark.soak
@pytest.mark.timeout(150)
async def test_thirty_calls_a_second_beside_a_flood(
    limited: Limited, nodes: Pair, cdrs: Cdrs, tmp_path: Path
) -> None:
    seconds, rate = 60, 30
    async with limited("40/0", IVR_STRANGERS="1") as (edge, _):
        trunk = SippJob(
            scenario=SCENARIOS / "plain.xml",
            host="127.0.0.1",
            port=edge.port,
            calls=seconds * rate,
            rate=rate,
            hold_s=1,
            local_ip="127.0.0.10",
            timeout_s=seconds + 30,
            folder=tmp_path / "trunk",
        )
        flood = SippJob(
            scenario=SCENARIOS / "flood.xml",
            host="127.0.0.1",
            port=edge.port,
            calls=seconds * 100,
            rate=100,
            local_ip=STRANGER,
            timeout_s=seconds + 5,
            folder=tmp_path / "flood",
        )
        running = [start(trunk), start(flood)]
        began = monotonic()
        try:
            while not edge.rpc.call("htable.dump", "banned"):
                assert monotonic() - began < 5, "the flood is not banned"
                await asyncio.sleep(0.1)
            while any(process.poll() is None for process in running):
                assert monotonic() - began < seconds + 45
                await asyncio.sleep(0.2)
        finally:
            for process in running:
                process.kill()
                process.wait()
        calls = result(trunk)
    assert (calls.succeeded, calls.failed) == (seconds * rate, 0), calls.errors
    setup = sorted(calls.setup_ms)
    # Below T1 (RFC 3261, 17.1.1.1) nobody has to send anything twice.
    assert setup[int(len(setup) * 0.99)] < 500
    through = [i for node in nodes for i in node.invites if i.get("X-IVR-Trunk") == "stranger"]
    assert len(through) < 400, "the flood went on reaching the nodes"
    carried = [i for node in nodes for i in node.invites if i.get("X-IVR-Trunk") == "carrier"]
    assert len(carried) == seconds * rate
    print(f"set-up p50 {setup[len(setup) // 2]} ms, p99 {setup[int(len(setup) * 0.99)]} ms")
