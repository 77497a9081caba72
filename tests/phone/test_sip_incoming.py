"""A SIP call that comes in, without a network: our own dialog that rings is the far side."""

from __future__ import annotations

from itertools import count

import pytest

from ivr.phone.sip_dialog import GIVE_UP, T1, Answered, HungUp, Left, Refused, SipDialog, TimedOut
from ivr.phone.sip_incoming import Cancelled, Connected, Event, IncomingDialog, Rung
from ivr.phone.sip_message import SipRequest, SipResponse, parse

OFFER, ANSWER = b"v=0 theirs", b"v=0 ours"


class Pair:
    """Caller and callee; datagrams pass when they are told to."""

    def __init__(self) -> None:
        numbers = count(1)
        self.caller = SipDialog(
            target="sip:agent@10.0.0.2:5070",
            caller="<sip:ivr@10.0.0.1>",
            contact="10.0.0.1:5060",
            sdp=OFFER,
            new_id=lambda: f"c{next(numbers)}",
        )
        self.callee = IncomingDialog(contact="10.0.0.2:5070", new_id=lambda: f"a{next(numbers)}")
        self.told: list[Event] = []
        self.caller_told: list[object] = []
        self.now = 0.0

    def to_callee(self) -> list[bytes]:
        sent = self.caller.datagrams()
        for datagram in sent:
            self.told += self.callee.receive(datagram, self.now)
        return sent

    def to_caller(self) -> list[str]:
        sent = self.callee.datagrams()
        for datagram in sent:
            self.caller_told += self.caller.receive(datagram, self.now)
        return [what(datagram) for datagram in sent]

    def rung(self) -> None:
        self.caller.ring(self.now)
        self.to_callee()
        self.callee.ring()
        assert self.to_caller() == ["180"]

    def talking(self) -> None:
        self.rung()
        self.callee.answer(ANSWER, self.now)
        assert self.to_caller() == ["200"]
        self.to_callee()


def what(datagram: bytes) -> str:
    message = parse(datagram)
    return message.method if isinstance(message, SipRequest) else str(message.status)


def test_it_rings_is_answered_and_both_know() -> None:
    pair = Pair()
    pair.talking()
    assert pair.told == [Rung(pair.told[0].caller, OFFER), Connected()]  # type: ignore[union-attr]
    assert pair.caller_told == [Answered(ANSWER)]
    assert pair.callee.next_timer() is None


def test_an_answer_that_is_not_acknowledged_is_sent_again_and_then_given_up() -> None:
    pair = Pair()
    pair.rung()
    pair.callee.answer(ANSWER, 0.0)
    pair.callee.datagrams()
    assert pair.callee.next_timer() == T1
    assert pair.callee.tick(T1) == []
    assert [what(each) for each in pair.callee.datagrams()] == ["200"]
    assert pair.callee.tick(GIVE_UP) == [TimedOut("INVITE")]


def test_an_invite_that_comes_again_is_answered_alike_and_rings_once() -> None:
    pair = Pair()
    pair.caller.ring(0.0)
    (invite,) = pair.caller.datagrams()
    assert len(pair.callee.receive(invite, 0.0)) == 1
    pair.callee.ring()
    assert [what(each) for each in pair.callee.datagrams()] == ["180"]
    assert pair.callee.receive(invite, 0.1) == []
    assert [what(each) for each in pair.callee.datagrams()] == ["180"]


def test_refused() -> None:
    pair = Pair()
    pair.rung()
    pair.callee.refuse(486, "Busy Here", 0.0)
    assert pair.to_caller() == ["486"]
    assert pair.caller_told == [Refused(486, "Busy Here")]
    pair.to_callee()
    assert pair.told[-1] == Left()


def test_cancelled() -> None:
    pair = Pair()
    pair.rung()
    pair.caller.leave(0.1)
    pair.to_callee()
    assert pair.told[-1] == Cancelled()
    assert pair.to_caller() == ["200", "487"]
    assert pair.caller_told == [Left()]
    pair.to_callee()
    assert pair.callee.next_timer() is None
    pair.callee.answer(ANSWER, 0.2)
    assert pair.callee.datagrams() == []


@pytest.mark.parametrize("who", ["caller", "callee"])
def test_either_side_hangs_up(who: str) -> None:
    pair = Pair()
    pair.talking()
    if who == "caller":
        pair.caller.leave(1.0)
        pair.to_callee()
        assert isinstance(pair.told[-1], HungUp)
        assert pair.to_caller() == ["200"]
        assert pair.caller_told[-1] == Left()
    else:
        pair.callee.leave(1.0)
        assert pair.to_caller() == ["BYE"]
        assert isinstance(pair.caller_told[-1], HungUp)
        pair.to_callee()
        assert pair.told[-1] == Left()
    assert pair.callee.next_timer() is None


def test_a_second_call_is_busy_and_strangers_are_none() -> None:
    pair = Pair()
    pair.talking()
    other = Pair()
    other.caller.call_id = "other"
    other.caller.ring(0.0)
    (invite,) = other.caller.datagrams()
    assert pair.callee.receive(invite.replace(b"z9hG4bKc", b"z9hG4bKx"), 0.0) == []
    assert [what(each) for each in pair.callee.datagrams()] == ["486"]
    bye = SipRequest(method="BYE", uri="sip:x", headers=(("Call-ID", "other"),)).encode()
    assert pair.callee.receive(bye, 0.0) == []
    assert [what(each) for each in pair.callee.datagrams()] == ["481"]
    assert pair.callee.receive(SipResponse(status=200).encode(), 0.0) == []
    assert pair.callee.receive(b"\xff\x00", 0.0) == []
