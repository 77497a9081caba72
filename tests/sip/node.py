"""A node that does what a test says: answers, refuses, rings on, or keeps silent."""

from __future__ import annotations

import asyncio

from ivr.phone.sip_message import SipMessage, SipRequest, SipResponse, address, cseq
from tests.sip.line import SipLine, answer_to

SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 9 RTP/AVP 0\r\n"
)

SILENT = 0
RINGING = 180
EARLY = 183
"""Rings, sends early media, and answers."""


class ScriptedNode(SipLine):
    """Answers INVITE with `invite`, a status or one of the above, and OPTIONS with `options`."""

    def __init__(self) -> None:
        super().__init__()
        self.invite = 200
        self.options = 200
        self.invites: list[SipRequest] = []
        """One for each call that was tried here, retransmissions left out."""
        self.requests: list[SipRequest] = []
        self.answers: list[SipResponse] = []
        self._edge: dict[str, tuple[str, int]] = {}

    def received(self, message: SipMessage, sender: tuple[str, int]) -> None:
        """See SipLine."""
        if isinstance(message, SipResponse):
            self.answers.append(message)
            return
        if message.method == "OPTIONS":
            if self.options:
                self._answer(message, sender, self.options)
            return
        self.requests.append(message)
        match message.method:
            case "INVITE":
                self._invited(message, sender)
            case "CANCEL":
                self._answer(message, sender, 200)
                cancelled = self.invite_of(message.get("Call-ID"))
                if cancelled is not None:
                    self._answer(cancelled, sender, 487)
            case "ACK":
                pass
            case _:
                self._answer(message, sender, 200)

    def invite_of(self, call_id: str) -> SipRequest | None:
        """The INVITE of a call."""
        return next((each for each in self.invites if each.get("Call-ID") == call_id), None)

    def seen(self, method: str) -> list[SipRequest]:
        """The requests of that method."""
        return [request for request in self.requests if request.method == method]

    def hang_up(self, invite: SipRequest, *more: tuple[str, str]) -> None:
        """Send the BYE of a call that was answered here."""
        number, _ = cseq(invite)
        routes = [("Route", value) for value in invite.all("Record-Route")]
        request = SipRequest(
            method="BYE",
            uri=address(invite.get("Contact")),
            headers=(
                ("Via", f"SIP/2.0/UDP {self.address};branch=z9hG4bKbye{invite.get('Call-ID')}"),
                ("Max-Forwards", "70"),
                *routes,
                ("From", f"{invite.get('To')};tag=node"),
                ("To", invite.get("From")),
                ("Call-ID", invite.get("Call-ID")),
                ("CSeq", f"{number + 1} BYE"),
                *more,
            ),
        )
        self.send(request.encode(), self._edge[invite.get("Call-ID")])

    def _invited(self, invite: SipRequest, sender: tuple[str, int]) -> None:
        call_id = invite.get("Call-ID")
        again = self.invite_of(call_id)
        if again is None:
            self.invites.append(invite)
        self._edge[call_id] = sender
        if "tag=" in invite.get("To"):
            self._answer(invite, sender, 200, SDP)
        elif self.invite == EARLY:
            # Apart, so that no two processes of the edge overtake each other with them.
            later = asyncio.get_running_loop().call_later
            for after_s, status in ((0, RINGING), (0.05, EARLY), (0.1, 200)):
                body = b"" if status == RINGING else SDP
                later(after_s, self._answer, invite, sender, status, body)
        elif self.invite != SILENT:
            self._answer(invite, sender, self.invite, SDP if self.invite == 200 else b"")

    def _answer(
        self, request: SipRequest, sender: tuple[str, int], status: int, body: bytes = b""
    ) -> None:
        more = [("Contact", f"<sip:node@{self.address}>")]
        if body:
            more.append(("Content-Type", "application/sdp"))
        answer = answer_to(request, status, "So It Is", *more, tag="node", body=body)
        self.send(answer.encode(), sender)
