"""What one trunk and one caller may have, and many calls beside a flood."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from time import monotonic

import pytest

from tests.sip.caller import Caller
from tests.sip.conftest import sockets_of
from tests.sip.edge import STRANGER, TRUNK, Edge
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


@pytest.mark.parametrize("number", ["anonymous", "Restricted", "unavailable", "unknown", "Private"])
async def test_withheld_numbers_share_no_limit(number: str, limited: Limited) -> None:
    async with limited("0/0", IVR_CALLER_CPM="3") as (_, caller):
        calls = [caller.ring(number=number) for _ in range(6)]
        assert [await call.status() for call in calls] == [200] * 6


async def test_no_call_lasts_longer(limited: Limited, nodes: Pair, cdrs: Cdrs) -> None:
    async with limited("0/0", IVR_LONGEST_CALL_S="2") as (_, caller):
        # Kamailio 5.6 forgets the node's BYE where the caller has answered theirs before.
        caller.distance_s = 0.1
        call = caller.ring()
        assert await call.status() == 200
        deadline = monotonic() + 15
        while not call.ended.is_set():  # nor does who asks for something again and again
            assert monotonic() < deadline, "nobody hangs up"
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(call.ended.wait(), 0.5)
            if not call.ended.is_set():
                await caller.within(call, "INFO")
        row = await cdrs.of(call.call_id)
        assert (row.status, row.cause) == (200, "too_long")
        assert row.answered_at is not None
        assert row.ended_at is not None
        assert (row.ended_at - row.answered_at).total_seconds() > 1
        async with asyncio.timeout(5):
            while not any(node.seen("BYE") for node in nodes):
                await asyncio.sleep(0.05)


async def test_a_ban_ends(limited: Limited, nodes: Pair) -> None:
    async with limited("0/0", IVR_STRANGERS="1", IVR_BAN_S="3", IVR_FLOOD="10") as (edge, _):
        stranger = Caller(edge.port)
        await stranger.open(STRANGER)
        deadline = monotonic() + 10
        while not edge.rpc.call("htable.dump", "banned"):
            assert monotonic() < deadline, "nobody was banned"
            for _ in range(10):
                stranger.ring()
            await asyncio.sleep(0.1)
        with pytest.raises(TimeoutError):
            await stranger.ring().status(0.5)
        while True:
            assert monotonic() < deadline + 20, "the ban does not end"
            await asyncio.sleep(1)
            with contextlib.suppress(TimeoutError):
                if await stranger.ring().status(0.5) == 200:
                    break
        stranger.close()


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
