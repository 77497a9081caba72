"""A SIP call without a network: the far side is a test, and time is a number."""

from __future__ import annotations

from itertools import count

import pytest

from ivr.phone.sip_dialog import (
    GIVE_UP,
    Answered,
    Changed,
    Event,
    HungUp,
    Left,
    Refused,
    SipDialog,
    State,
    TimedOut,
)
from ivr.phone.sip_message import SipRequest, SipResponse, branch, cseq, parse

OFFER = b"v=0 ours"


class Far:
    """The other side: answers what the dialog sent last."""

    def __init__(self) -> None:
        numbers = count(1)
        self.dialog = SipDialog(
            target="sip:100@10.0.0.1",
            caller='"A" <sip:a@10.0.0.2>',
            contact="10.0.0.2:5070",
            sdp=OFFER,
            new_id=lambda: f"id{next(numbers)}",
        )

    def sent(self) -> list[SipRequest | SipResponse]:
        return [parse(datagram) for datagram in self.dialog.datagrams()]

    def methods(self) -> list[str]:
        return [m.method if isinstance(m, SipRequest) else str(m.status) for m in self.sent()]

    def ring(self) -> SipRequest:
        self.dialog.ring(0.0)
        (invite,) = self.sent()
        assert isinstance(invite, SipRequest)
        return invite

    def answer(
        self, request: SipRequest, status: int, *, body: bytes = b"", to_tag: str = ";tag=far"
    ) -> list[Event]:
        headers = tuple((k, v) for k, v in request.headers if k in ("Via", "From", "Call-ID"))
        response = SipResponse(
            status=status,
            reason="Because",
            headers=(
                *headers,
                ("To", request.get("To").split(";")[0] + to_tag),
                ("CSeq", request.get("CSeq")),
                ("Contact", "<sip:far@10.0.0.9:5080>"),
                ("Record-Route", "<sip:p1;lr>, <sip:p2;lr>"),
            ),
            body=body,
        )
        return self.dialog.receive(response.encode(), 0.0)

    def request(
        self, invite: SipRequest, method: str, number: int = 1, body: bytes = b""
    ) -> list[Event]:
        request = SipRequest(
            method=method,
            uri="sip:a@10.0.0.2:5070",
            headers=(
                ("Via", f"SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK{method}{number}"),
                ("From", "<sip:100@10.0.0.1>;tag=far"),
                ("To", invite.get("From")),
                ("Call-ID", invite.get("Call-ID")),
                ("CSeq", f"{number} {method}"),
                ("Reason", "Q.850;cause=16"),
            ),
            body=body,
        )
        return self.dialog.receive(request.encode(), 0.0)

    def confirmed(self) -> SipRequest:
        invite = self.ring()
        assert self.answer(invite, 200, body=b"theirs") == [Answered(b"theirs")]
        assert self.methods() == ["ACK"]
        return invite


def test_a_call_is_answered_acknowledged_and_ended_by_us() -> None:
    far = Far()
    invite = far.ring()
    assert invite.body == OFFER
    assert far.answer(invite, 100, to_tag="") == []
    assert far.answer(invite, 180) == []
    assert far.answer(invite, 200, body=b"theirs") == [Answered(b"theirs")]
    (ack,) = far.sent()
    assert isinstance(ack, SipRequest)
    assert (ack.method, ack.uri) == ("ACK", "sip:far@10.0.0.9:5080")
    assert list(ack.all("Route")) == ["<sip:p2;lr>", "<sip:p1;lr>"]
    assert cseq(ack)[0] == cseq(invite)[0]
    far.dialog.leave(1.0)
    (bye,) = far.sent()
    assert isinstance(bye, SipRequest)
    assert cseq(bye) == (cseq(invite)[0] + 1, "BYE")
    assert bye.get("To").endswith("tag=far")
    assert far.answer(bye, 200) == [Left()]
    assert far.dialog.state is State.ENDED


def test_an_answer_that_comes_again_is_acknowledged_again() -> None:
    far = Far()
    invite = far.confirmed()
    assert far.answer(invite, 200, body=b"theirs") == []
    assert far.methods() == ["ACK"]


def test_an_invite_without_an_echo_is_sent_again_with_growing_pauses_and_given_up() -> None:
    far = Far()
    far.ring()
    sent_at = []
    events: list[Event] = []
    while not events:
        now = far.dialog.next_timer()
        assert now is not None
        events = far.dialog.tick(now)
        sent_at += [now] * len(far.methods())
    assert sent_at == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert events == [TimedOut("INVITE")]
    assert now == GIVE_UP
    assert far.dialog.next_timer() is None


def test_ringing_stops_the_repetition() -> None:
    far = Far()
    invite = far.ring()
    far.answer(invite, 180)
    assert far.dialog.next_timer() is None


@pytest.mark.parametrize("status", [301, 404, 486, 503, 603])
def test_a_refusal_is_acknowledged_in_the_invites_own_transaction(status: int) -> None:
    far = Far()
    invite = far.ring()
    assert far.answer(invite, status) == [Refused(status, "Because")]
    (ack,) = far.sent()
    assert isinstance(ack, SipRequest)
    assert ack.method == "ACK"
    assert branch(ack.get("Via")) == branch(invite.get("Via"))
    assert far.answer(invite, status) == []
    assert far.methods() == ["ACK"]


def test_who_hangs_up_while_it_rings_cancels() -> None:
    far = Far()
    invite = far.ring()
    far.dialog.leave(0.1)
    assert far.methods() == []  # a CANCEL has to wait for a sign of life
    far.answer(invite, 100)
    (cancel,) = far.sent()
    assert isinstance(cancel, SipRequest)
    assert cancel.method == "CANCEL"
    assert branch(cancel.get("Via")) == branch(invite.get("Via"))
    assert cseq(cancel) == (cseq(invite)[0], "CANCEL")
    assert far.answer(cancel, 200) == []
    assert far.answer(invite, 487) == [Left()]
    assert far.methods() == ["ACK"]


def test_a_call_answered_while_it_was_cancelled_is_ended_with_bye() -> None:
    far = Far()
    invite = far.ring()
    far.answer(invite, 180)
    far.dialog.leave(0.1)
    far.sent()
    assert far.answer(invite, 200, body=b"theirs") == []
    assert far.methods() == ["ACK", "BYE"]


def test_they_hang_up() -> None:
    far = Far()
    invite = far.confirmed()
    assert far.request(invite, "BYE") == [HungUp("Q.850;cause=16")]
    assert far.methods() == ["200"]
    assert far.request(invite, "BYE") == []
    assert far.methods() == ["200"]  # the first 200 was lost


def test_both_hang_up_at_once() -> None:
    far = Far()
    invite = far.confirmed()
    far.dialog.leave(1.0)
    assert far.request(invite, "BYE") == [Left()]
    assert far.dialog.state is State.ENDED


def test_a_changed_session_is_taken_with_our_own_description() -> None:
    far = Far()
    invite = far.confirmed()
    assert far.request(invite, "INVITE", body=b"new") == [Changed(b"new")]
    (response,) = far.sent()
    assert (response.body, response.get("Content-Type")) == (OFFER, "application/sdp")
    assert far.request(invite, "INVITE", body=b"new") == []  # repeated, so answered again
    assert far.methods() == ["200"]
    assert far.request(invite, "ACK") == []
    assert far.methods() == []


def test_questions_are_answered_and_strangers_refused() -> None:
    far = Far()
    invite = far.confirmed()
    far.request(invite, "OPTIONS")
    far.request(invite, "INFO")
    far.request(invite, "REFER")
    far.request(invite.__class__(method="X", uri="x", headers=(("Call-ID", "other"),)), "BYE")
    assert far.methods() == ["200", "200", "405", "481"]
    assert far.dialog.state is State.CONFIRMED


def test_a_forged_answer_with_another_branch_changes_nothing() -> None:
    far = Far()
    invite = far.ring()
    forged = SipRequest(
        method="INVITE",
        uri="x",
        headers=tuple(
            (k, v.replace("branch=z9hG4bK", "branch=z9hG4bKno")) for k, v in invite.headers
        ),
    )
    assert far.answer(forged, 200, body=b"theirs") == []
    assert far.dialog.state is State.CALLING


def test_a_bye_that_nobody_answers_ends_all_the_same() -> None:
    far = Far()
    far.confirmed()
    far.dialog.leave(0.0)
    events: list[Event] = []
    while not events:
        now = far.dialog.next_timer()
        assert now is not None
        events = far.dialog.tick(now)
    assert events == [TimedOut("BYE")]
    # Every 4 s at the latest (timer E).
    assert far.methods().count("BYE") == 11


def test_garbage_is_not_answered() -> None:
    far = Far()
    far.confirmed()
    assert far.dialog.receive(b"\xff\x00", 0.0) == []
    assert far.methods() == []
