"""What the edge lets nobody do: flood it, scan it, or send what is no call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from time import monotonic

import pytest

from tests.sip.caller import Caller, DialledCall
from tests.sip.edge import Edge
from tests.sip.line import answer_to
from tests.sip.node import ScriptedNode
from tests.sip.records import Cdrs

pytestmark = pytest.mark.kamailio

Pair = tuple[ScriptedNode, ScriptedNode]


@pytest.mark.parametrize("agent", ["friendly-scanner", "sipvicious 0.3", "SIPCli/1.8", "sipsak"])
async def test_scanners_get_no_answer(agent: str, nodes: Pair, stranger: Caller) -> None:
    call = stranger.ring(agent=agent)
    with pytest.raises(TimeoutError):
        await call.status(0.5)
    assert not call.provisional
    assert not any(node.invites for node in nodes)


async def test_a_stranger_who_floods_is_banned_and_a_trunk_who_is_busy_is_not(
    nodes: Pair, caller: Caller, stranger: Caller, edge: Edge, cdrs: Cdrs
) -> None:
    flood = [stranger.ring() for _ in range(150)]
    busy: list[DialledCall] = []
    while len(busy) < 150:  # no heap: this caller sends nothing twice
        some = [caller.ring() for _ in range(10)]
        assert {await call.status() for call in some} == {200}
        busy += some
    deadline = monotonic() + 5
    while not (banned := edge.rpc.call("htable.dump", "banned")):
        assert monotonic() < deadline, "nobody was banned"
        flood += [stranger.ring() for _ in range(20)]
        await asyncio.sleep(0.1)
    assert [slot["name"] for entry in banned for slot in entry["slot"]] == ["127.0.0.66"]
    late = stranger.ring()
    with pytest.raises(TimeoutError):
        await late.status(0.5)
    rows = [row for row in cdrs.all() if row.source == "127.0.0.66" and row.cause == "banned"]
    assert len(rows) == 1


@pytest.mark.parametrize(
    ("change", "status", "cause"),
    [
        ({"hops": 0}, 483, "too_many_hops"),
        ({"body": b"x" * 9000}, 513, "too_large"),
    ],
)
async def test_a_call_that_cannot_be_carried_is_refused_with_its_code(
    change: dict[str, object], status: int, cause: str, nodes: Pair, caller: Caller, cdrs: Cdrs
) -> None:
    call = caller.ring("100", **change)  # type: ignore[arg-type]
    assert await call.status() == status
    assert not any(node.invites for node in nodes)
    row = await cdrs.of(call.call_id)
    assert (row.status, row.cause) == (status, cause)


async def test_one_invite_sent_three_times_is_one_call_and_one_record(
    nodes: Pair, caller: Caller, cdrs: Cdrs
) -> None:
    for node in nodes:
        node.invite = 486
    call = caller.ring()
    for _ in range(2):
        caller.send(call.invite.encode(), ("127.0.0.1", caller.edge_port))
    assert await call.status() == 486
    await cdrs.of(call.call_id)
    assert sum(len(node.invites) for node in nodes) == 1


@pytest.mark.parametrize(
    ("method", "status"),
    [("REGISTER", 405), ("SUBSCRIBE", 405), ("MESSAGE", 405), ("PUBLISH", 405)],
)
async def test_what_makes_no_call_is_refused(method: str, status: int, caller: Caller) -> None:
    wire = caller.outside(method)
    answer = await caller.ask(wire.encode(), wire.get("Call-ID"))
    assert answer.status == status
    assert "INVITE" in answer.get("Allow")


async def test_options_say_whether_calls_would_be_taken(nodes: Pair, caller: Caller) -> None:
    wire = caller.outside("OPTIONS")
    assert (await caller.ask(wire.encode(), wire.get("Call-ID"))).status == 200
    for node in nodes:
        node.options = 503
    deadline = monotonic() + 6
    while True:
        wire = caller.outside("OPTIONS")
        answer = await caller.ask(wire.encode(), wire.get("Call-ID"))
        if answer.status == 503:
            break
        assert monotonic() < deadline
        await asyncio.sleep(0.2)
    assert answer.get("Retry-After") == "5"


async def test_refer_from_outside_is_refused(caller: Caller) -> None:
    call = caller.ring()
    assert await call.status() == 200
    answer = await caller.within(call, "REFER", ("Refer-To", "<sip:+1900@premium.example>"))
    assert answer.status == 405


async def test_a_request_of_no_call_is_refused(caller: Caller) -> None:
    wire = caller.outside("BYE", to_tag="gone")
    assert (await caller.ask(wire.encode(), wire.get("Call-ID"))).status == 481


@pytest.fixture
async def elsewhere() -> AsyncIterator[ScriptedNode]:
    """Somebody who has nothing to do with us."""
    victim = ScriptedNode()
    await victim.open()
    yield victim
    victim.close()


@pytest.mark.parametrize("method", ["BYE", "INVITE", "OPTIONS", "INFO", "NOTIFY", "ACK"])
@pytest.mark.parametrize("route", ["{edge};lr", "{edge}", "{edge};lr>, <{victim};lr"])
async def test_a_strangers_request_of_no_call_goes_nowhere_whatever_its_route(
    method: str, route: str, stranger: Caller, elsewhere: ScriptedNode, nodes: Pair
) -> None:
    victim = f"sip:100@{elsewhere.address}"
    edge = f"sip:127.0.0.1:{stranger.edge_port}"
    wire = stranger.outside(
        method,
        ("Route", f"<{route.format(edge=edge, victim=victim)}>"),
        to_tag="gone",
        uri=victim,
    )
    if method == "ACK":  # has no answer; what comes after it shows that it was read
        stranger.send(wire.encode(), ("127.0.0.1", stranger.edge_port))
        wire = stranger.outside("BYE", to_tag="gone")
    assert (await stranger.ask(wire.encode(), wire.get("Call-ID"))).status == 481
    await asyncio.sleep(0.2)
    assert not elsewhere.requests
    assert not any(node.requests for node in nodes)


@pytest.mark.parametrize("by", ["uri", "route"])
async def test_what_a_stranger_sends_within_a_call_goes_to_its_node_alone(
    by: str, stranger: Caller, elsewhere: ScriptedNode, nodes: Pair
) -> None:
    call = stranger.ring()
    assert await call.status() == 200
    victim = f"sip:100@{elsewhere.address}"
    if by == "uri":
        answer = await stranger.within(call, "INFO", uri=victim)
    else:
        answer = await stranger.within(call, "INFO", ("Route", f"<{victim};lr>"))
    assert answer.status == 200
    assert [len(node.seen("INFO")) for node in nodes if node.invites] == [1]
    assert not elsewhere.requests
    assert await stranger.hang_up(call) == 200
    assert [len(node.seen("BYE")) for node in nodes if node.invites] == [1]


async def test_a_node_hangs_up_on_a_stranger(stranger: Caller, nodes: Pair) -> None:
    call = stranger.ring()
    assert await call.status() == 200
    (node,) = [node for node in nodes if node.invites]
    node.hang_up(node.invites[0])
    await asyncio.wait_for(call.ended.wait(), 5)


async def test_a_call_of_a_trunk_outlives_a_restart(
    nodes: Pair, caller: Caller, edge: Edge
) -> None:
    call = caller.ring()
    assert await call.status() == 200
    await asyncio.to_thread(edge.stop)
    await asyncio.to_thread(edge.start)
    assert await caller.hang_up(call) == 200
    assert sum(len(node.seen("BYE")) for node in nodes) == 1


@pytest.mark.parametrize("who", ["stranger", "caller"])
async def test_an_answer_to_nothing_is_carried_nowhere_for_a_stranger(
    who: str, stranger: Caller, caller: Caller, edge: Edge, elsewhere: ScriptedNode
) -> None:
    """Answers follow their Via (RFC 3261, 16.7), which anybody can write."""
    sender = stranger if who == "stranger" else caller
    vias = tuple(
        ("Via", f"SIP/2.0/UDP {address};branch=z9hG4bKmade")
        for address in (f"127.0.0.1:{edge.port}", elsewhere.address)
    )
    nothing = replace(
        sender.outside("OPTIONS"), headers=vias + sender.outside("OPTIONS").headers[1:]
    )
    answer = answer_to(nothing, 200, "OK", tag="x")
    sender.send(answer.encode(), ("127.0.0.1", edge.port))
    after = sender.outside("OPTIONS")
    assert (await sender.ask(after.encode(), after.get("Call-ID"))).status == 200
    await asyncio.sleep(0.2)
    assert len(elsewhere.answers) == (0 if who == "stranger" else 1)
