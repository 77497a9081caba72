"""One record for every INVITE, each with its cause; also while PostgreSQL is away."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from time import monotonic

import pytest

from ivr.storage.embedded import EmbeddedPostgres
from ivr.storage.reader import StoredCdr
from ivr.storage.schema import apply_schema
from tests.sip.caller import Caller, DialledCall
from tests.sip.conftest import sockets_of
from tests.sip.edge import TRUNK, Edge
from tests.sip.node import RINGING, ScriptedNode
from tests.sip.records import Cdrs

pytestmark = [pytest.mark.kamailio, pytest.mark.postgres]

Pair = tuple[ScriptedNode, ScriptedNode]


async def ring_in_turn(who: Caller, count: int, status: int) -> list[DialledCall]:
    """So many calls, a few at once: UDP on a busy machine loses what comes in one heap, and this
    caller sends nothing twice."""
    calls: list[DialledCall] = []
    while len(calls) < count:
        some = [who.ring() for _ in range(min(10, count - len(calls)))]
        for call in some:
            assert await call.status() == status
        calls += some
    return calls


async def rows_of(
    cdrs: Cdrs, calls: list[DialledCall], within_s: float = 20
) -> dict[str, StoredCdr]:
    wanted = {call.call_id for call in calls}
    deadline = monotonic() + within_s
    while True:
        rows = [row for row in cdrs.all() if row.sip_call_id in wanted]
        if len(rows) >= len(wanted) and all(row.ended_at for row in rows):
            break
        assert monotonic() < deadline, Counter((row.cause, row.status) for row in rows)
        await asyncio.sleep(0.1)
    assert len(rows) == len(wanted)
    return {row.sip_call_id: row for row in rows}


async def test_five_hundred_mixed_calls_leave_five_hundred_records(
    nodes: Pair, caller: Caller, stranger: Caller, cdrs: Cdrs
) -> None:
    expected: dict[str, tuple[str, int]] = {}
    everyone: list[DialledCall] = []

    def note(calls: list[DialledCall], cause: str, status: int) -> None:
        everyone.extend(calls)
        expected.update({call.call_id: (cause, status) for call in calls})

    for node in nodes:
        node.invite = 200
    ours = await ring_in_turn(caller, 130, 200)
    theirs = await ring_in_turn(caller, 80, 200)
    for call in ours:
        assert await caller.hang_up(call) == 200
    for node in nodes:
        for invite in node.invites:
            if invite.get("Call-ID") in {call.call_id for call in theirs}:
                node.hang_up(invite, ("Reason", 'Q.850;cause=16;text="bye"'))
    for call in theirs:
        await asyncio.wait_for(call.ended.wait(), 5)
    note(ours, "caller_hung_up", 200)
    note(theirs, "node_hung_up", 200)

    for status, cause, count in (
        (486, "busy", 60),
        (404, "no_such_number", 40),
        (480, "not_available", 20),
        (488, "no_common_codec", 20),
        (603, "declined", 20),
        (500, "no_node", 20),
    ):
        for node in nodes:
            node.invite = status
        seen = 503 if status == 500 else status
        note(await ring_in_turn(caller, count, seen), cause, seen)

    for node in nodes:
        node.invite = RINGING
    given_up = [caller.ring() for _ in range(60)]
    for call in given_up:
        async with asyncio.timeout(10):
            while not any(answer.status == 180 for answer in call.provisional):
                await asyncio.sleep(0.01)
        caller.cancel(call)
    for call in given_up:
        assert await call.status() == 487
    note(given_up, "cancelled", 487)

    hops = [caller.ring(hops=0) for _ in range(30)]
    large = [caller.ring(body=b"x" * 9000) for _ in range(10)]
    for call in hops + large:
        await call.status()
    note(hops, "too_many_hops", 483)
    note(large, "too_large", 513)

    for node in nodes:
        node.invite = 200
    strangers = [stranger.ring() for _ in range(10)]
    for call in strangers:
        assert await call.status() == 200
        assert await stranger.hang_up(call) == 200
    note(strangers, "caller_hung_up", 200)

    assert len(everyone) == 500
    rows = await rows_of(cdrs, everyone)
    wrong = {
        call_id: (expected[call_id], row)
        for call_id, row in rows.items()
        if (row.cause, row.status) != expected[call_id]
    }
    assert wrong == {}
    for row in rows.values():
        assert row.ended_at is not None
        assert row.ended_at >= (row.answered_at or row.began_at) >= row.began_at
        assert (row.answered_at is not None) == (row.status == 200)
    assert all(rows[call.call_id].detail == 'Q.850;cause=16;text="bye"' for call in theirs)


HOSTILE = ["x'); DROP TABLE cdrs; --", "x\\'; SELECT 1", "%00%ff", "ज़ोया", "$var(cdr_sql)"]


@pytest.mark.parametrize("number", HOSTILE, ids=range(len(HOSTILE)))
async def test_what_callers_call_themselves_is_text_and_nothing_else(
    number: str, nodes: Pair, caller: Caller, cdrs: Cdrs
) -> None:
    call = caller.ring(number=number.replace(" ", "%20").replace("<", ""))
    status = await call.status()
    row = await cdrs.of(call.call_id, lambda row: True)
    assert row.status == status
    if status == 200:
        assert row.caller == number.replace(" ", "%20")
        assert await caller.hang_up(call) == 200


async def test_a_database_that_is_away_costs_no_call_and_no_record(
    edge_programs: None, tmp_path: Path, nodes: Pair
) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres")
    server.start()
    apply_schema(server.url)
    edge = Edge(
        tmp_path,
        {"first": nodes[0].address, "second": nodes[1].address},
        sockets=sockets_of(server.url),
    )
    await asyncio.to_thread(edge.start)
    caller = Caller(edge.port)
    await caller.open(TRUNK)
    try:
        await asyncio.to_thread(server.kill)
        calls = [caller.ring() for _ in range(20)]
        for call in calls:
            assert await call.status(2) == 200
            assert await caller.hang_up(call) == 200
        await asyncio.to_thread(server.start)
        rows = await rows_of(Cdrs(server.url), calls, 20)
        assert {row.cause for row in rows.values()} == {"caller_hung_up"}
    finally:
        caller.close()
        await asyncio.to_thread(edge.stop)
        server.stop()
