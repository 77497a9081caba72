"""The line of a SIP phone: what carries its messages, UDP or TLS."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import Protocol

from ivr.phone.sip_message import MalformedMessage
from ivr.phone.sip_stream import SipStream

Received = Callable[[bytes], None]
"""Is given each message that arrives, whole."""


class SipLine(Protocol):
    """An open line. `contact` is our own host:port."""

    contact: str

    def send(self, message: bytes) -> None:
        """Send one message; a line that has gone loses it."""

    def close(self) -> None:
        """Let go; twice is harmless."""

    async def closed(self) -> None:
        """Wait until the port is free again."""


class UdpLine(asyncio.DatagramProtocol):
    """One message a datagram."""

    def __init__(self, received: Received) -> None:
        self.contact = ""
        self._received = received
        self._transport: asyncio.DatagramTransport | None = None
        self._gone = asyncio.Event()

    @classmethod
    async def open(cls, far_end: tuple[str, int], local_host: str, received: Received) -> UdpLine:
        """Bind a port of `local_host`. Raises OSError."""
        line = cls(received)
        line._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: line, local_addr=(local_host, 0), remote_addr=far_end
        )
        line.contact = f"{local_host}:{line._transport.get_extra_info('sockname')[1]}"
        return line

    def send(self, message: bytes) -> None:
        """See SipLine."""
        if self._transport is not None:
            self._transport.sendto(message)

    def close(self) -> None:
        """See SipLine."""
        if self._transport is not None:
            self._transport.close()

    async def closed(self) -> None:
        """See SipLine."""
        await self._gone.wait()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """See asyncio.DatagramProtocol."""
        del addr
        self._received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.DatagramProtocol."""
        self._gone.set()

    def error_received(self, exc: Exception) -> None:
        """See asyncio.DatagramProtocol: an ICMP error; the timers see to it."""


class TlsLine(asyncio.Protocol):
    """A stream of messages."""

    def __init__(self, received: Received) -> None:
        self.contact = ""
        self._received = received
        self._stream = SipStream()
        self._transport: asyncio.Transport | None = None
        self._gone = asyncio.Event()

    @classmethod
    async def open(
        cls, far_end: tuple[str, int], local_host: str, received: Received, tls: ssl.SSLContext
    ) -> TlsLine:
        """Connect. Raises OSError, which ssl.SSLError is one of."""
        line = cls(received)
        line._transport, _ = await asyncio.get_running_loop().create_connection(
            lambda: line,
            *far_end,
            ssl=tls,
            local_addr=(local_host, 0),
        )
        line.contact = f"{local_host}:{line._transport.get_extra_info('sockname')[1]}"
        return line

    def send(self, message: bytes) -> None:
        """See SipLine."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(message)

    def close(self) -> None:
        """See SipLine."""
        if self._transport is not None:
            self._transport.close()

    async def closed(self) -> None:
        """See SipLine."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                await self._gone.wait()
        if not self._gone.is_set() and self._transport is not None:
            # A far side that does not end TLS in good order.
            self._transport.abort()
            await self._gone.wait()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        try:
            for message in self._stream.feed(data):
                self._received(message)
        except MalformedMessage:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._gone.set()
