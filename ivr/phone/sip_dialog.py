"""One outgoing SIP call, without sockets or clocks: datagrams and time in, datagrams and events
out (RFC 3261).

Rules:
- A request that nobody answers is sent again on the timers of section 17.1; an answer to one of
  theirs is kept, so that a request of theirs that comes again is answered again, alike.
- A 2xx to the INVITE is acknowledged each time it comes (13.2.2.4).
- CANCEL waits for the first provisional answer (9.1). When the call was answered all the same,
  BYE follows the ACK.
- The dialog ends once: with Refused, HungUp, TimedOut or Left, and nothing after it.
"""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ivr.phone.sip_message import (
    Headers,
    MalformedMessage,
    SipMessage,
    SipRequest,
    SipResponse,
    address,
    branch,
    cseq,
    parse,
    tag,
)

T1 = 0.5
"""First retransmission, in seconds (RFC 3261 section 17.1.1.1)."""

T2 = 4.0
"""The longest pause between retransmissions of other requests than INVITE."""

GIVE_UP = 64 * T1
"""Timers B and F."""

_ROUTE = re.compile(r"<[^<>]*>")

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE"


class State(enum.Enum):
    """Where the call stands."""

    IDLE = enum.auto()
    CALLING = enum.auto()
    PROCEEDING = enum.auto()
    CONFIRMED = enum.auto()
    LEAVING = enum.auto()
    ENDED = enum.auto()


@dataclass(frozen=True, slots=True)
class Answered:
    """They took the call; `sdp` is their session description."""

    sdp: bytes


@dataclass(frozen=True, slots=True)
class Changed:
    """They changed the session with a re-INVITE or UPDATE; `sdp` is their new description."""

    sdp: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """They would not take the call."""

    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class HungUp:
    """They ended the call; `reason` is their Reason header, where they gave one."""

    reason: str


@dataclass(frozen=True, slots=True)
class Left:
    """We ended the call, and they know."""


@dataclass(frozen=True, slots=True)
class TimedOut:
    """Nobody answered our request, the last time either."""

    method: str


Event = Answered | Changed | Refused | HungUp | Left | TimedOut


@dataclass(slots=True)
class _Pending:
    """A request of ours without its final answer."""

    request: SipRequest
    sent_at: float
    again_at: float
    pause: float
    longest: float


class SipDialog:
    """The caller's side of one call.

    `target` is whom we ring (sip:100@127.0.0.1:5060), `caller` our From value without its tag,
    `contact` our own host:port, `sdp` what we offer; `new_id` makes tags and branches that are
    unlike any other; `headers` go into the INVITE beside ours. Over "TLS", which loses nothing,
    no request is sent twice (17.1.1.1).
    """

    def __init__(
        self,
        *,
        target: str,
        caller: str,
        contact: str,
        sdp: bytes,
        new_id: Callable[[], str],
        headers: Headers = (),
        transport: Literal["UDP", "TLS"] = "UDP",
    ) -> None:
        self.state = State.IDLE
        self._transport = transport
        self._reach = contact if transport == "UDP" else f"{contact};transport=tls"
        self.call_id = new_id()
        self._new_id = new_id
        self._contact = contact
        self._sdp = sdp
        self._headers = headers
        self._from = f"{caller};tag={new_id()}"
        self._to = f"<{target}>"
        self._remote = target
        self._routes: Headers = ()
        self._cseq = 0
        self._invite: SipRequest | None = None
        self._pending: dict[str, _Pending] = {}
        self._answers: dict[str, bytes] = {}
        self._ack = b""
        self._leaving = False
        self._outbox: list[bytes] = []

    def datagrams(self) -> list[bytes]:
        """What has to be sent to the far side now; each is given out once."""
        outbox, self._outbox = self._outbox, []
        return outbox

    def next_timer(self) -> float | None:
        """When `tick` has something to do; None while nothing is waited for."""
        times = [min(p.again_at, p.sent_at + GIVE_UP) for p in self._pending.values()]
        return min(times, default=None)

    def ring(self, now: float) -> None:
        """Send the INVITE."""
        headers = (
            ("Content-Type", "application/sdp"),
            ("Allow", ALLOW),
            *self._headers,
        )
        self._invite = self._request("INVITE", headers=headers, body=self._sdp)
        self.state = State.CALLING
        self._send(self._invite, now)

    def leave(self, now: float) -> None:
        """End the call from our side: CANCEL before it is answered, BYE afterwards."""
        if self._leaving or self.state in (State.IDLE, State.ENDED):
            return
        self._leaving = True
        if self.state is State.PROCEEDING:
            self._cancel(now)
        elif self.state is State.CONFIRMED:
            self._bye(now)

    def tick(self, now: float) -> list[Event]:
        """Send again what is due; give up on what nobody answers."""
        for method, pending in list(self._pending.items()):
            if now >= pending.sent_at + GIVE_UP:
                self._end()
                return [Left() if method == "CANCEL" else TimedOut(method)]
            if now >= pending.again_at:
                pending.pause = min(2 * pending.pause, pending.longest)
                pending.again_at = now + pending.pause
                self._outbox.append(pending.request.encode())
        return []

    def receive(self, datagram: bytes, now: float) -> list[Event]:
        """What arrived on the socket. Garbage and other people's messages change nothing."""
        try:
            message = parse(datagram)
        except MalformedMessage:
            return []
        if isinstance(message, SipRequest):
            return self._request_received(message, now)
        return self._response_received(message, now)

    def _response_received(self, response: SipResponse, now: float) -> list[Event]:
        _, method = cseq(response)
        invite = self._invite
        if response.get("Call-ID") != self.call_id or invite is None:
            return []
        if method == "INVITE":
            if branch(response.get("Via")) != branch(invite.get("Via")):
                return []
            return self._invite_answered(response, now)
        pending = self._pending.get(method)
        if pending is None or branch(response.get("Via")) != branch(pending.request.get("Via")):
            return []
        if response.status >= 200:
            del self._pending[method]
            if method == "BYE" and self.state is State.LEAVING:
                self._end()
                return [Left()]
        return []

    def _invite_answered(self, response: SipResponse, now: float) -> list[Event]:
        if response.status < 200:
            self._pending.pop("INVITE", None)
            if self.state is State.CALLING:
                self.state = State.PROCEEDING
                if self._leaving:
                    self._cancel(now)
            return []
        if response.status < 300:
            return self._accepted(response, now)
        self._pending.pop("INVITE", None)
        self._outbox.append(self._ack_of_refusal(response))
        if self.state not in (State.CALLING, State.PROCEEDING):
            return []
        self._end()
        return [Left()] if self._leaving else [Refused(response.status, response.reason)]

    def _accepted(self, response: SipResponse, now: float) -> list[Event]:
        self._pending.pop("INVITE", None)
        if self.state not in (State.CALLING, State.PROCEEDING):
            if self._ack:
                self._outbox.append(self._ack)
            return []
        self._to = response.get("To")
        self._remote = address(response.get("Contact")) or self._remote
        recorded = _ROUTE.findall(", ".join(response.all("Record-Route")))
        self._routes = tuple(("Route", route) for route in reversed(recorded))
        self._ack = self._request("ACK", number=cseq(response)[0]).encode()
        self._outbox.append(self._ack)
        self.state = State.CONFIRMED
        if self._leaving:
            self._bye(now)
            return []
        return [Answered(response.body)]

    def _request_received(self, request: SipRequest, now: float) -> list[Event]:
        del now
        if request.method == "ACK":
            return []
        key = f"{request.method} {branch(request.get('Via'))} {request.get('CSeq')}"
        if key in self._answers:
            self._outbox.append(self._answers[key])
            return []
        status, reason, events, body = self._judge(request)
        answer = self._response(request, status, reason, body)
        self._answers[key] = answer
        while len(self._answers) > 32:
            del self._answers[next(iter(self._answers))]
        self._outbox.append(answer)
        return events

    def _judge(self, request: SipRequest) -> tuple[int, str, list[Event], bytes]:
        if request.method == "OPTIONS":
            return 200, "OK", [], b""
        ours = request.get("Call-ID") == self.call_id and tag(request.get("From")) == tag(self._to)
        if not ours or self.state in (State.IDLE, State.ENDED):
            return 481, "Call/Transaction Does Not Exist", [], b""
        if request.method == "BYE":
            self._pending.clear()
            if self._leaving:
                self._end()
                return 200, "OK", [Left()], b""
            self._end()
            return 200, "OK", [HungUp(request.get("Reason"))], b""
        if request.method in ("INVITE", "UPDATE"):
            return 200, "OK", [Changed(request.body)] if request.body else [], self._sdp
        known = request.method in ("INFO", "CANCEL")
        return (200, "OK", [], b"") if known else (405, "Method Not Allowed", [], b"")

    def _cancel(self, now: float) -> None:
        invite = self._invite
        if invite is None:
            return
        same = ("via", "from", "to", "call-id", "max-forwards", "route")
        headers = tuple((k, v) for k, v in invite.headers if k.lower() in same)
        number = cseq(invite)[0]
        cancel = SipRequest(
            method="CANCEL", uri=invite.uri, headers=(*headers, ("CSeq", f"{number} CANCEL"))
        )
        self._send(cancel, now)

    def _bye(self, now: float) -> None:
        self.state = State.LEAVING
        self._send(self._request("BYE"), now)

    def _end(self) -> None:
        self.state = State.ENDED
        self._pending.clear()

    def _send(self, request: SipRequest, now: float) -> None:
        longest = GIVE_UP if request.method == "INVITE" else T2
        again_at = now + T1 if self._transport == "UDP" else math.inf
        self._pending[request.method] = _Pending(request, now, again_at, T1, longest)
        self._outbox.append(request.encode())

    def _request(
        self, method: str, *, number: int | None = None, headers: Headers = (), body: bytes = b""
    ) -> SipRequest:
        if number is None:
            self._cseq += 1
            number = self._cseq
        standard: Headers = (
            (
                "Via",
                f"SIP/2.0/{self._transport} {self._contact};branch=z9hG4bK{self._new_id()};rport",
            ),
            ("Max-Forwards", "70"),
            *self._routes,
            ("From", self._from),
            ("To", self._to),
            ("Call-ID", self.call_id),
            ("CSeq", f"{number} {method}"),
            ("Contact", f"<sip:{self._reach}>"),
        )
        return SipRequest(method=method, uri=self._remote, headers=(*standard, *headers), body=body)

    def _ack_of_refusal(self, response: SipResponse) -> bytes:
        """RFC 3261 section 17.1.1.3: the INVITE's own Via, their To."""
        invite = self._invite
        if invite is None:
            raise AssertionError("a refusal of no INVITE")
        headers = tuple(
            (name, response.get("To") if name == "To" else value)
            for name, value in invite.headers
            if name in ("Via", "Max-Forwards", "Route", "From", "To", "Call-ID")
        )
        ack = SipRequest(
            method="ACK", uri=invite.uri, headers=(*headers, ("CSeq", f"{cseq(invite)[0]} ACK"))
        )
        return ack.encode()

    def _response(self, request: SipMessage, status: int, reason: str, body: bytes) -> bytes:
        to = request.get("To")
        if not tag(to):
            to = f"{to};tag={self._new_id()}"
        headers: Headers = (
            *(("Via", value) for value in request.all("Via")),
            ("From", request.get("From")),
            ("To", to),
            ("Call-ID", request.get("Call-ID")),
            ("CSeq", request.get("CSeq")),
            ("Contact", f"<sip:{self._reach}>"),
            ("Allow", ALLOW),
            *((("Content-Type", "application/sdp"),) if body else ()),
        )
        return SipResponse(status=status, reason=reason, headers=headers, body=body).encode()
