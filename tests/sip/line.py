"""What scripted nodes and callers share: a UDP socket that speaks SIP."""

from __future__ import annotations

import asyncio

from ivr.phone.sip_message import MalformedMessage, SipMessage, SipRequest, SipResponse, parse


class SipLine(asyncio.DatagramProtocol):
    """A socket; what is no SIP message is kept in `garbage`."""

    def __init__(self) -> None:
        self.transport: asyncio.DatagramTransport | None = None
        self.garbage: list[bytes] = []

    async def open(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Bind."""
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(host, port)
        )

    def close(self) -> None:
        """Let go; twice is harmless."""
        if self.transport is not None:
            self.transport.close()
            self.transport = None

    @property
    def address(self) -> str:
        """host:port."""
        assert self.transport is not None
        host, port = self.transport.get_extra_info("sockname")
        return f"{host}:{port}"

    def send(self, data: bytes, to: tuple[str, int]) -> None:
        """Send a datagram; what a closed socket is given is lost."""
        if self.transport is not None:
            self.transport.sendto(data, to)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """See asyncio.DatagramProtocol."""
        try:
            message = parse(data)
        except MalformedMessage:
            self.garbage.append(data)
            return
        self.received(message, addr)

    def error_received(self, exc: Exception) -> None:
        """See asyncio.DatagramProtocol: the far side has gone."""

    def received(self, message: SipMessage, sender: tuple[str, int]) -> None:
        """A message has come."""
        raise NotImplementedError


def answer_to(
    request: SipRequest,
    status: int,
    reason: str,
    *more: tuple[str, str],
    tag: str,
    body: bytes = b"",
) -> SipResponse:
    """An answer, with what RFC 3261 section 8.2.6 has it copy."""
    to = request.get("To")
    headers = [
        *(("Via", value) for value in request.all("Via")),
        *(("Record-Route", value) for value in request.all("Record-Route")),
        ("From", request.get("From")),
        ("To", to if "tag=" in to else f"{to};tag={tag}"),
        ("Call-ID", request.get("Call-ID")),
        ("CSeq", request.get("CSeq")),
        *more,
    ]
    return SipResponse(status=status, reason=reason, headers=tuple(headers), body=body)
