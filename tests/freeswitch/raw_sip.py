"""A SIP caller by hand: sends whatever headers and session description a test wants."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Sequence


class RawCaller(asyncio.DatagramProtocol):
    """One INVITE, unchecked; it acknowledges the answer and says nothing more.

    `rang` says whether it was told that it rings (180). `packets` are the RTP packets that came to
    `rtp`, which sends none.
    """

    def __init__(self, sip_port: int) -> None:
        self._far_end = ("127.0.0.1", sip_port)
        self._transport: asyncio.DatagramTransport | None = None
        self._id = f"raw-{time.monotonic_ns()}"
        self._to = ""
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp.bind(("127.0.0.1", 0))
        self.rtp.setblocking(False)
        self.rang = False
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def invite(
        self,
        called: str,
        *,
        headers: Sequence[str] = (),
        display_name: str = "",
        formats: str = "0 101",
        attributes: Sequence[str] = ("a=rtpmap:101 telephone-event/8000",),
    ) -> int:
        """Ring, and return the final status."""
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        assert self._transport is not None
        port = self._transport.get_extra_info("sockname")[1]
        self._contact = f"<sip:raw@127.0.0.1:{port}>"
        media = self.rtp.getsockname()[1]
        sdp = "\r\n".join(
            [
                "v=0",
                "o=- 1 1 IN IP4 127.0.0.1",
                "s=-",
                "c=IN IP4 127.0.0.1",
                "t=0 0",
                f"m=audio {media} RTP/AVP {formats}",
                *attributes,
                "",
            ]
        )
        self._called = called
        lines = [*self._lines("INVITE", self._from(display_name), port), *headers]
        lines += ["Content-Type: application/sdp", f"Content-Length: {len(sdp.encode())}", "", sdp]
        self._transport.sendto("\r\n".join(lines).encode(), self._far_end)
        return await asyncio.wait_for(asyncio.shield(self.status), 10)

    def packets(self) -> list[bytes]:
        """The RTP packets that have come."""
        found = []
        while True:
            try:
                found.append(self.rtp.recv(2048))
            except BlockingIOError:
                return found

    def close(self) -> None:
        """Leave without a word."""
        self.rtp.close()
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport) or transport is not None
        self._transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        del addr
        first, _, rest = data.decode("utf-8", "replace").partition("\r\n")
        self.rang = self.rang or first.startswith("SIP/2.0 180 ")
        if not first.startswith("SIP/2.0 ") or first.startswith("SIP/2.0 1"):
            return
        if "CSeq: 1 INVITE" not in rest or self.status.done():
            return
        (to,) = (line for line in rest.split("\r\n") if line.startswith("To:"))
        assert self._transport is not None
        port = self._transport.get_extra_info("sockname")[1]
        lines = self._lines("ACK", self._from(""), port)
        lines = [to if line.startswith("To:") else line for line in lines]
        self._transport.sendto(
            "\r\n".join([*lines, "Content-Length: 0", "", ""]).encode(), self._far_end
        )
        self.status.set_result(int(first.split()[1]))

    def _from(self, display_name: str) -> str:
        return f'"{display_name}" <sip:1000@127.0.0.1>;tag=raw'

    def _lines(self, method: str, caller: str, port: int) -> list[str]:
        return [
            f"{method} sip:{self._called}@127.0.0.1:{self._far_end[1]} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{method}{self._id}",
            "Max-Forwards: 70",
            f"From: {caller}",
            f"To: <sip:{self._called}@127.0.0.1>",
            f"Call-ID: {self._id}",
            f"CSeq: 1 {method}",
            f"Contact: {self._contact}",
        ]
