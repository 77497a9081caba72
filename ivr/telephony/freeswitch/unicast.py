"""The sound of one call over UDP: headerless 16-bit little-endian frames, both ways.

The port knows no passwords. It listens to one host, FreeSWITCH's, from the start, and to one
port of that host from the first datagram on.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Iterable
from typing import cast

from ivr.errors import IvrError


class NoMediaPort(IvrError):
    """Every port of the range is in use."""


class MediaPorts:
    """UDP ports for the sound of calls: of a range, in turn, or whatever the system gives.

    In turn, so that a late datagram of one call never meets the next one.
    """

    def __init__(self, ports: Iterable[int] | None = None) -> None:
        self._ports = list(ports) if ports is not None else [0]
        self._next = 0

    def bind(self, host: str) -> socket.socket:
        """Return a bound socket that does not block. Raises NoMediaPort, or OSError for a host
        that is not ours."""
        for _ in self._ports:
            port = self._ports[self._next % len(self._ports)]
            self._next += 1
            opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                opened.setblocking(False)
                opened.bind((host, port))
            except OSError as error:
                opened.close()
                if error.errno != errno.EADDRINUSE:
                    raise
            else:
                return opened
        raise NoMediaPort(
            f"All {len(self._ports)} media ports on {host} are in use.",
            remedy="Widen the range (IVR_MEDIA_PORTS), or take fewer calls (IVR_MAX_CALLS).",
        )


class UnicastSocket(asyncio.DatagramProtocol):
    """One call's UDP port. `received` is called with each datagram of FreeSWITCH's."""

    def __init__(self, far_host: str, received: Callable[[bytes], None]) -> None:
        self._far_host = far_host
        self._received = received
        self._far_end: tuple[str, int] | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self.first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done with the first datagram."""
        self.strangers = 0
        """Datagrams of others."""

    @classmethod
    async def open(
        cls, bound: socket.socket, far_host: str, received: Callable[[bytes], None]
    ) -> UnicastSocket:
        """Listen on a bound socket."""
        loop = asyncio.get_running_loop()
        try:
            _, protocol = await loop.create_datagram_endpoint(
                lambda: cls(far_host, received), sock=bound
            )
        except BaseException:
            bound.close()
            raise
        return protocol

    @property
    def port(self) -> int:
        """Our port."""
        assert self._transport is not None
        return int(self._transport.get_extra_info("sockname")[1])

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.BaseProtocol."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """See asyncio.DatagramProtocol."""
        if addr != self._far_end:
            if self._far_end is not None or addr[0] != self._far_host:
                self.strangers += 1
                return
            self._far_end = addr
            if not self.first.done():
                self.first.set_result(None)
        self._received(data)

    def error_received(self, exc: Exception) -> None:
        """See asyncio.DatagramProtocol: an ICMP error; the Event Socket says what became of it."""

    def send(self, frame: bytes) -> None:
        """Send one frame, once FreeSWITCH has been heard."""
        if self._far_end is not None and self._transport is not None:
            self._transport.sendto(frame, self._far_end)

    def close(self) -> None:
        """Close the port; twice is harmless."""
        if self._transport is not None:
            self._transport.close()
        self.first.cancel()
