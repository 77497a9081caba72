"""A caller at an address of its own, with any number of calls; what it sends, the test decides."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from itertools import count
from time import monotonic

from ivr.phone.sip_message import SipMessage, SipRequest, SipResponse, address, branch, cseq
from tests.sip.line import SipLine, answer_to
from tests.sip.node import SDP

_numbers = count(1)


@dataclass
class DialledCall:
    """One INVITE and what became of it."""

    invite: SipRequest
    final: asyncio.Future[SipResponse]
    provisional: list[SipResponse] = field(default_factory=list)
    began: float = field(default_factory=monotonic)
    took_s: float = 0.0
    """From the INVITE to the final answer."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by a BYE from the far side."""

    @property
    def call_id(self) -> str:
        """Its Call-ID."""
        return self.invite.get("Call-ID")

    async def status(self, within_s: float = 10.0) -> int:
        """The final status. Raises TimeoutError."""
        return (await asyncio.wait_for(asyncio.shield(self.final), within_s)).status


class Caller(SipLine):
    """Open it at an address of 127.0.0.0/8, and `ring`."""

    def __init__(self, edge_port: int) -> None:
        super().__init__()
        self._edge = ("127.0.0.1", edge_port)
        self.edge_port = edge_port
        self._calls: dict[str, DialledCall] = {}
        self.others: dict[str, asyncio.Future[SipResponse]] = {}
        self.answers: list[SipResponse] = []
        self.distance_s = 0.0
        """How long it takes with an answer."""

    def ring(
        self,
        called: str = "100",
        *more: tuple[str, str],
        number: str = "+914012345678",
        name: str = "",
        hops: int = 70,
        body: bytes = SDP,
        agent: str = "phone",
    ) -> DialledCall:
        """Send an INVITE."""
        serial = next(_numbers)
        display = f'"{name}" ' if name else ""
        request = SipRequest(
            method="INVITE",
            uri=f"sip:{called}@127.0.0.1:{self._edge[1]}",
            headers=(
                ("Via", f"SIP/2.0/UDP {self.address};branch=z9hG4bK{serial};rport"),
                ("Max-Forwards", str(hops)),
                ("From", f"{display}<sip:{number}@{self.address}>;tag=c{serial}"),
                ("To", f"<sip:{called}@127.0.0.1:{self._edge[1]}>"),
                ("Call-ID", f"{serial}-{self.address}"),
                ("CSeq", "1 INVITE"),
                ("Contact", f"<sip:caller@{self.address}>"),
                ("User-Agent", agent),
                *more,
                *([("Content-Type", "application/sdp")] if body else []),
            ),
            body=body,
        )
        call = DialledCall(request, asyncio.get_running_loop().create_future())
        self._calls[call.call_id] = call
        self.send(request.encode(), self._edge)
        return call

    def outside(
        self, method: str, *more: tuple[str, str], to_tag: str = "", uri: str = ""
    ) -> SipRequest:
        """A request of no call of ours, to the edge itself or to `uri`."""
        serial = next(_numbers)
        host = f"127.0.0.1:{self.edge_port}"
        return SipRequest(
            method=method,
            uri=uri or f"sip:{host}",
            headers=(
                ("Via", f"SIP/2.0/UDP {self.address};branch=z9hG4bKo{serial};rport"),
                *more,
                ("Max-Forwards", "70"),
                ("From", f"<sip:caller@{self.address}>;tag=o{serial}"),
                ("To", f"<sip:{host}>;tag={to_tag}" if to_tag else f"<sip:{host}>"),
                ("Call-ID", f"o{serial}-{self.address}"),
                ("CSeq", f"1 {method}"),
                ("Contact", f"<sip:caller@{self.address}>"),
            ),
        )

    async def ask(self, data: bytes, call_id: str, within_s: float = 3.0) -> SipResponse:
        """Send any bytes and return the final answer to their Call-ID. Raises TimeoutError."""
        future = asyncio.get_running_loop().create_future()
        self.others[call_id] = future
        self.send(data, self._edge)
        answer: SipResponse = await asyncio.wait_for(future, within_s)
        return answer

    def cancel(self, call: DialledCall) -> None:
        """Give up before the answer."""
        self.send(self._within(call, "CANCEL", 1, same_branch=True).encode(), self._edge)

    async def hang_up(self, call: DialledCall, *more: tuple[str, str]) -> int:
        """Send BYE and return the status of its answer."""
        return (await self.within(call, "BYE", *more)).status

    async def within(
        self,
        call: DialledCall,
        method: str,
        *more: tuple[str, str],
        body: bytes = b"",
        uri: str = "",
    ) -> SipResponse:
        """Send a request within the call and return the final answer. Raises TimeoutError.

        `uri` stands for the far side's own.
        """
        request = self._within(call, method, 2 + len(self.others), *more, body=body)
        if uri:
            request = replace(request, uri=uri)
        return await self.ask(request.encode(), call.call_id)

    def received(self, message: SipMessage, sender: tuple[str, int]) -> None:
        """See SipLine."""
        call = self._calls.get(message.get("Call-ID"))
        if isinstance(message, SipRequest):
            answer = answer_to(message, 200, "OK", tag="c").encode()
            asyncio.get_running_loop().call_later(self.distance_s, self.send, answer, sender)
            if call is not None and message.method == "BYE":
                call.ended.set()
            return
        self.answers.append(message)
        if cseq(message) == (1, "INVITE") and call is not None:
            if message.status < 200:
                call.provisional.append(message)
                return
            if not call.final.done():
                call.took_s = monotonic() - call.began
                call.final.set_result(message)
            self._acknowledge(call, message)
            return
        future = self.others.get(message.get("Call-ID"))
        if message.status >= 200 and future is not None and not future.done():
            future.set_result(message)

    def _acknowledge(self, call: DialledCall, answer: SipResponse) -> None:
        refused = answer.status >= 300
        request = self._within(call, "ACK", 1, same_branch=refused)
        self.send(request.encode(), self._edge)

    def _within(
        self,
        call: DialledCall,
        method: str,
        number: int,
        *more: tuple[str, str],
        same_branch: bool = False,
        body: bytes = b"",
    ) -> SipRequest:
        invite = call.invite
        mark = branch(invite.get("Via")) if same_branch else f"z9hG4bKw{next(_numbers)}"
        answer = call.final.result() if call.final.done() else None
        answered = answer is not None and answer.status < 300
        routes: list[tuple[str, str]] = []
        uri, to = invite.uri, invite.get("To")
        if answer is not None:
            to = answer.get("To")
        if answered and answer is not None:
            uri = address(answer.get("Contact"))
            routes = [("Route", value) for value in reversed(list(answer.all("Record-Route")))]
        return SipRequest(
            method=method,
            uri=uri,
            headers=(
                ("Via", f"SIP/2.0/UDP {self.address};branch={mark};rport"),
                ("Max-Forwards", "70"),
                *routes,
                ("From", invite.get("From")),
                ("To", to),
                ("Call-ID", invite.get("Call-ID")),
                ("CSeq", f"{number} {method}"),
                ("Contact", f"<sip:caller@{self.address}>"),
                *more,
                *([("Content-Type", "application/sdp")] if body else []),
            ),
            body=body,
        )
