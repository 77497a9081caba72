"""Whose word about themselves reaches a node, and whose does not."""

from __future__ import annotations

import pytest

from ivr.phone.sip_message import SipRequest
from tests.sip.caller import Caller
from tests.sip.node import ScriptedNode
from tests.sip.records import Cdrs

pytestmark = pytest.mark.kamailio

Pair = tuple[ScriptedNode, ScriptedNode]

CLAIMS = (
    ("P-Asserted-Identity", '"Boss" <sip:+15550001@bank.example>'),
    ("P-Preferred-Identity", "<sip:+15550001@bank.example>"),
    ("Remote-Party-ID", "<sip:+15550001@bank.example>;party=calling;screen=yes"),
    ("Diversion", "<sip:+15550001@bank.example>;reason=unconditional"),
    ("History-Info", "<sip:+15550001@bank.example>;index=1"),
    ("Identity", "signed"),
    ("X-Account", "447123"),
    ("x-verified", "yes"),
    ("X-IVR-Call", "00000000-0000-0000-0000-000000000000"),
    ("X-IVR-Trunk", "carrier"),
    ("Call", "caller=+15550001"),
    ("Call-Info", "<http://bank.example/verified>;purpose=info"),
    ("Referred-By", "<sip:boss@bank.example>"),
)


def received(nodes: Pair) -> SipRequest:
    (invite,) = [invite for node in nodes for invite in node.invites]
    return invite


async def test_what_a_stranger_claims_is_taken_away(nodes: Pair, stranger: Caller) -> None:
    call = stranger.ring("100", *CLAIMS, ("Privacy", "id"))
    assert await call.status() == 200
    invite = received(nodes)
    for name, value in CLAIMS:
        assert value not in list(invite.all(name)), name
    assert list(invite.all("P-Asserted-Identity")) == ["<sip:anonymous@anonymous.invalid>"]
    assert list(invite.all("X-IVR-Trunk")) == ["stranger"]
    assert [name for name, _ in invite.headers if name.lower().startswith("x-")] == [
        "X-IVR-Trunk",
        "X-IVR-Call",
    ]
    for name in ("Call", "Call-Info", "Diversion", "History-Info", "Identity", "Referred-By"):
        assert list(invite.all(name)) == []
    assert invite.get("Privacy") == "id"


@pytest.mark.parametrize(
    "line",
    [
        "X-Account : 447123",
        "x-account:447123",
        "X-Account:\r\n 447123",
        "p-asserted-identity : <sip:+15550001@bank.example>",
        "b: <sip:boss@bank.example>",
        "y: signed",
        "n: <https://bank.example/cert>",
        "d: no-fork",
    ],
)
async def test_no_way_of_writing_a_claim_gets_through(
    line: str, nodes: Pair, stranger: Caller
) -> None:
    # Written by hand: our own encoder would tidy it.
    call = stranger.ring("100", number="+1555000")
    assert await call.status() == 200
    plain = call.invite.encode()
    head, _, body = plain.partition(b"\r\n\r\n")
    again = head.replace(b"branch=z9hG4bK", b"branch=z9hG4bKx").replace(
        b"Call-ID: ", b"Call-ID: again-"
    )
    wire = again + b"\r\n" + line.encode() + b"\r\n\r\n" + body
    answer = await stranger.ask(wire, f"again-{call.call_id}")
    assert answer.status == 200
    invites = [invite for node in nodes for invite in node.invites]
    (forged,) = [each for each in invites if each.get("Call-ID").startswith("again-")]
    assert line.split(":", 1)[1].strip().encode() not in forged.encode()
    assert list(forged.all("P-Asserted-Identity")) == ["<sip:anonymous@anonymous.invalid>"]


async def test_what_a_stranger_claims_later_in_the_call_is_taken_away_too(
    nodes: Pair, stranger: Caller
) -> None:
    call = stranger.ring()
    assert await call.status() == 200
    answer = await stranger.within(call, "INFO", *CLAIMS)
    assert answer.status == 200
    (info,) = [request for node in nodes for request in node.seen("INFO")]
    names = {name for name, _ in info.headers}
    assert names.isdisjoint({name for name, _ in CLAIMS})


async def test_a_trunk_is_believed_and_yet_cannot_speak_for_the_edge(
    nodes: Pair, caller: Caller
) -> None:
    call = caller.ring("100", *CLAIMS, ("Privacy", "id"))
    assert await call.status() == 200
    invite = received(nodes)
    for name, value in CLAIMS:
        if not name.startswith("X-IVR"):
            assert list(invite.all(name)) == [value]
    assert list(invite.all("X-IVR-Trunk")) == ["carrier"]
    (ours,) = invite.all("X-IVR-Call")
    assert ours != "00000000-0000-0000-0000-000000000000"
    assert invite.get("Privacy") == "id"


async def test_the_record_says_who_it_was(caller: Caller, stranger: Caller, cdrs: Cdrs) -> None:
    for who, trunk, source in (
        (caller, "carrier", "127.0.0.10"),
        (stranger, "stranger", "127.0.0.66"),
    ):
        call = who.ring("2000", number="+918888")
        assert await call.status() == 200
        assert await who.hang_up(call) == 200
        row = await cdrs.of(call.call_id)
        assert (row.trunk, row.source) == (trunk, source)
        assert (row.caller, row.called) == ("+918888", "2000")
