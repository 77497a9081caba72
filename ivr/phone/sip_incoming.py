"""One incoming SIP call, without sockets or clocks: datagrams and time in, datagrams and events
out (RFC 3261).

Rules:
- What the INVITE was last answered with is kept, and sent again when the INVITE comes again.
- A final answer is sent again from T1 on until the ACK comes (13.3.1.4, 17.2.1).
- CANCEL before the final answer ends the call with 487 (9.2); afterwards it changes nothing.
- Another call that comes meanwhile is busy.
- The dialog ends once: with Cancelled, HungUp, TimedOut or Left, and nothing after it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from ivr.phone.sip_dialog import ALLOW, GIVE_UP, T1, T2, Changed, HungUp, Left, State, TimedOut
from ivr.phone.sip_message import (
    Headers,
    MalformedMessage,
    SipRequest,
    SipResponse,
    address,
    branch,
    cseq,
    parse,
    tag,
)

_ROUTE = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, slots=True)
class Rung:
    """Somebody rings: `caller` is their From value, `sdp` their offer."""

    caller: str
    sdp: bytes


@dataclass(frozen=True, slots=True)
class Connected:
    """They know that we answered."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """They gave up before we answered."""


Event = Rung | Connected | Cancelled | Changed | HungUp | Left | TimedOut


@dataclass(slots=True)
class _Repeated:
    """What is sent again until it is answered."""

    method: str
    message: bytes
    since: float
    again_at: float
    pause: float = T1


class IncomingDialog:
    """The called side of one call. `contact` is our own host:port; `new_id` makes tags and
    branches that are unlike any other. Its state goes IDLE, PROCEEDING (it rings), CALLING (we
    answered, they do not know yet), CONFIRMED, LEAVING, ENDED."""

    def __init__(self, *, contact: str, new_id: Callable[[], str]) -> None:
        self.state = State.IDLE
        self._contact = contact
        self._new_id = new_id
        self._tag = new_id()
        self._invite: SipRequest | None = None
        self._last = b""
        self._sdp = b""
        self._cseq = 0
        self._repeated: _Repeated | None = None
        self._answers: dict[str, bytes] = {}
        self._outbox: list[bytes] = []

    def datagrams(self) -> list[bytes]:
        """What has to be sent to the far side now; each is given out once."""
        outbox, self._outbox = self._outbox, []
        return outbox

    def next_timer(self) -> float | None:
        """When `tick` has something to do; None while nothing is waited for."""
        waiting = self._repeated
        return None if waiting is None else min(waiting.again_at, waiting.since + GIVE_UP)

    def ring(self) -> None:
        """Say that it rings."""
        self._respond(180, "Ringing")

    def answer(self, sdp: bytes, now: float) -> None:
        """Take the call; `sdp` is our session description."""
        if self.state is State.PROCEEDING:
            self._sdp = sdp
            self._respond(200, "OK", sdp)
            self.state = State.CALLING
            self._repeat("INVITE", self._last, now)

    def refuse(self, status: int, reason: str, now: float) -> None:
        """Do not take the call, with a status of 400 and more."""
        if self.state is State.PROCEEDING:
            self._respond(status, reason)
            self.state = State.LEAVING
            self._repeat("INVITE", self._last, now)

    def leave(self, now: float) -> None:
        """End the call from our side."""
        if self.state is State.PROCEEDING:
            self.refuse(480, "Temporarily Unavailable", now)
        elif self.state in (State.CALLING, State.CONFIRMED):
            self.state = State.LEAVING
            bye = self._bye().encode()
            self._outbox.append(bye)
            self._repeat("BYE", bye, now)

    def tick(self, now: float) -> list[Event]:
        """Send again what is due; give up on what nobody answers."""
        waiting = self._repeated
        if waiting is None:
            return []
        if now >= waiting.since + GIVE_UP:
            self._end()
            return [TimedOut(waiting.method)]
        if now >= waiting.again_at:
            waiting.pause = min(2 * waiting.pause, T2)
            waiting.again_at = now + waiting.pause
            self._outbox.append(waiting.message)
        return []

    def receive(self, datagram: bytes, now: float) -> list[Event]:
        """What arrived on the socket. Garbage and other people's messages change nothing."""
        try:
            message = parse(datagram)
        except MalformedMessage:
            return []
        if isinstance(message, SipResponse):
            return self._answered(message)
        if message.method == "ACK":
            return self._acknowledged(message)
        key = f"{message.method} {branch(message.get('Via'))} {message.get('CSeq')}"
        if key in self._answers:
            self._outbox.append(self._answers[key])
            return []
        if message.method == "INVITE" and not tag(message.get("To")):
            return self._invited(message)
        status, reason, events = self._judge(message)
        body = self._sdp if message.method in ("INVITE", "UPDATE") and status == 200 else b""
        answer = self._response(message, status, reason, body)
        self._answers[key] = answer
        while len(self._answers) > 32:
            del self._answers[next(iter(self._answers))]
        self._outbox.append(answer)
        if message.method == "CANCEL" and events:
            self._respond(487, "Request Terminated")
            self._repeat("INVITE", self._last, now)
            self.state = State.ENDED
        return events

    def _invited(self, request: SipRequest) -> list[Event]:
        invite = self._invite
        if invite is not None and branch(invite.get("Via")) == branch(request.get("Via")):
            if self._last:
                self._outbox.append(self._last)
            return []
        if invite is not None:
            self._outbox.append(self._response(request, 486, "Busy Here", b""))
            return []
        self._invite = request
        self.state = State.PROCEEDING
        return [Rung(request.get("From"), request.body)]

    def _acknowledged(self, ack: SipRequest) -> list[Event]:
        if not self._is_ours(ack) or self._invite is None:
            return []
        if cseq(ack)[0] != cseq(self._invite)[0]:
            return []
        waiting = self._repeated
        if waiting is not None and waiting.method == "INVITE":
            self._repeated = None
        if self.state is State.CALLING:
            self.state = State.CONFIRMED
            return [Connected()]
        if self.state is State.LEAVING and waiting is not None and waiting.method == "INVITE":
            self._end()
            return [Left()]
        return []

    def _answered(self, response: SipResponse) -> list[Event]:
        waiting = self._repeated
        ours = waiting is not None and waiting.method == "BYE" and self._is_ours(response)
        if not ours or cseq(response)[1] != "BYE" or response.status < 200:
            return []
        self._end()
        return [Left()]

    def _judge(self, request: SipRequest) -> tuple[int, str, list[Event]]:
        if request.method == "OPTIONS":
            return 200, "OK", []
        if not self._is_ours(request) or self.state in (State.IDLE, State.ENDED):
            return 481, "Call/Transaction Does Not Exist", []
        if request.method == "CANCEL":
            return 200, "OK", [Cancelled()] if self.state is State.PROCEEDING else []
        if request.method == "BYE":
            leaving = self.state is State.LEAVING
            self._end()
            return 200, "OK", [Left() if leaving else HungUp(request.get("Reason"))]
        if request.method in ("INVITE", "UPDATE"):
            return 200, "OK", [Changed(request.body)] if request.body else []
        return (200, "OK", []) if request.method == "INFO" else (405, "Method Not Allowed", [])

    def _is_ours(self, message: SipRequest | SipResponse) -> bool:
        invite = self._invite
        return invite is not None and message.get("Call-ID") == invite.get("Call-ID")

    def _end(self) -> None:
        self.state = State.ENDED
        self._repeated = None

    def _repeat(self, method: str, message: bytes, now: float) -> None:
        self._repeated = _Repeated(method, message, now, now + T1)

    def _respond(self, status: int, reason: str, body: bytes = b"") -> None:
        if self._invite is not None:
            self._last = self._response(self._invite, status, reason, body)
            self._outbox.append(self._last)

    def _response(self, request: SipRequest, status: int, reason: str, body: bytes) -> bytes:
        to = request.get("To")
        headers: Headers = (
            *(("Via", value) for value in request.all("Via")),
            *(("Record-Route", value) for value in request.all("Record-Route")),
            ("From", request.get("From")),
            ("To", to if tag(to) else f"{to};tag={self._tag}"),
            ("Call-ID", request.get("Call-ID")),
            ("CSeq", request.get("CSeq")),
            ("Contact", f"<sip:{self._contact}>"),
            ("Allow", ALLOW),
            *((("Content-Type", "application/sdp"),) if body else ()),
        )
        return SipResponse(status=status, reason=reason, headers=headers, body=body).encode()

    def _bye(self) -> SipRequest:
        invite = self._invite
        assert invite is not None
        self._cseq += 1
        recorded = _ROUTE.findall(", ".join(invite.all("Record-Route")))
        headers: Headers = (
            ("Via", f"SIP/2.0/UDP {self._contact};branch=z9hG4bK{self._new_id()};rport"),
            ("Max-Forwards", "70"),
            *(("Route", route) for route in recorded),
            ("From", f"{invite.get('To')};tag={self._tag}"),
            ("To", invite.get("From")),
            ("Call-ID", invite.get("Call-ID")),
            ("CSeq", f"{self._cseq} BYE"),
            ("Contact", f"<sip:{self._contact}>"),
        )
        target = address(invite.get("Contact")) or address(invite.get("From"))
        return SipRequest(method="BYE", uri=target, headers=headers)
