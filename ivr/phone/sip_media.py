"""The sound of a SIP call: a handset on one side, RTP packets on the other, each 20 ms.

The clock is our own, as in a telephone: what comes from the far side, or does not come, never
changes what goes out.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Iterator

from ivr.audio.format import FRAME_MS
from ivr.audio.g711 import LAWS
from ivr.phone.handset import Handset
from ivr.phone.rtp import DigitReceiver, MalformedPacket, RtpPacket, RtpSender, event_of
from ivr.phone.sdp import MediaDescription
from ivr.phone.srtp import MasterKey, SecureSound, SrtpFault

_TICK_S = FRAME_MS / 1000
_BETWEEN_KEYS = 4
"""Ticks of sound after each key, so that the same key twice is two keys."""


class SipMedia(asyncio.DatagramProtocol):
    """One UDP port for the sound of one call. `open`, `begin` (again when the far side moves),
    `close`. With `own_key` all sound is encrypted, both ways."""

    def __init__(self, handset: Handset, own_key: MasterKey | None = None) -> None:
        self._handset = handset
        self.own_key = own_key
        self._secure: SecureSound | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._remote: MediaDescription | None = None
        self._sender = RtpSender(
            ssrc=secrets.randbits(32),
            sequence=secrets.randbits(16),
            timestamp=secrets.randbits(32),
        )
        self._digits = DigitReceiver()
        self._keys: deque[tuple[str, asyncio.Future[None]]] = deque()
        self._pressing: tuple[Iterator[tuple[RtpPacket, ...]], asyncio.Future[None]] | None = None
        self._rest = 0
        self._clock: asyncio.Task[None] | None = None
        self._gone = asyncio.Event()
        self.digits_heard = ""
        """Keys that the far side pressed."""
        self.packets_heard = 0
        self.packets_refused = 0
        """Datagrams of strangers, and what is no RTP."""

    async def open(self, host: str) -> int:
        """Bind a port of `host` and return it."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(host, 0))
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    def begin(self, remote: MediaDescription) -> None:
        """Send to `remote` from now on, and listen to it alone."""
        if self.own_key is not None and remote.secured_by is not None:
            known = self._remote
            # Who keeps their key goes on counting packets with it.
            if known is None or known.secured_by != remote.secured_by:
                self._secure = SecureSound(self.own_key, remote.secured_by)
        self._remote = remote
        if self._clock is None:
            self._clock = asyncio.create_task(self._keep_time(), name="sip-media")

    async def press(self, digit: str) -> None:
        """Press a key and let go again; returns when it has left. Raises ValueError for what is
        no key, or when the far side takes none."""
        remote = self._remote
        if remote is None or remote.event_type is None:
            raise ValueError("the far side takes no keys")
        event_of(digit)
        left: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._keys.append((digit, left))
        await left

    def close(self) -> None:
        """Stop sending and close the port; keys that wait are let go."""
        if self._clock is not None:
            self._clock.cancel()
        if self._transport is not None:
            self._transport.close()
        waiting = [left for _, left in self._keys]
        waiting += [self._pressing[1]] if self._pressing is not None else []
        for left in waiting:
            left.cancel()
        self._keys.clear()

    async def closed(self) -> None:
        """Wait until the port is free again."""
        if self._transport is not None:
            await self._gone.wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.DatagramProtocol."""
        self._gone.set()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """See asyncio.DatagramProtocol."""
        remote = self._remote
        if remote is None or addr[0] != remote.host:
            self.packets_refused += 1
            return
        try:
            if self._secure is not None:
                data = self._secure.unprotect(data)
            packet = RtpPacket.parse(data)
        except (MalformedPacket, SrtpFault):
            self.packets_refused += 1
            return
        law = LAWS.get(packet.payload_type)
        if law is not None:
            self.packets_heard += 1
            self._handset.hear(law.decode(packet.payload))
        elif packet.payload_type == remote.event_type:
            self.digits_heard += self._digits.receive(packet) or ""

    def error_received(self, exc: Exception) -> None:
        """See asyncio.DatagramProtocol; a far side that has gone shows in SIP."""

    async def _keep_time(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            self._tick()
            due += _TICK_S
            await asyncio.sleep(max(0.0, due - loop.time()))

    def _tick(self) -> None:
        frame = self._handset.tick()
        remote = self._remote
        if remote is None or self._transport is None:
            return
        for packet in self._pressed() or (self._sound(frame, remote),):
            data = packet.encode()
            if self._secure is not None:
                data = self._secure.protect(data)
            self._transport.sendto(data, (remote.host, remote.port))

    def _sound(self, frame: bytes, remote: MediaDescription) -> RtpPacket:
        law = remote.codecs[0]
        return self._sender.audio(law.payload_type, law.encode(frame))

    def _pressed(self) -> tuple[RtpPacket, ...]:
        """The packets of a key that is down at this tick."""
        remote = self._remote
        if self._rest > 0:
            self._rest -= 1
            return ()
        if self._pressing is None:
            if not self._keys or remote is None or remote.event_type is None:
                return ()
            digit, left = self._keys.popleft()
            self._pressing = (self._sender.press(remote.event_type, digit), left)
            self._handset.key_pressed()
        packets = next(self._pressing[0], None)
        if packets is not None:
            return packets
        if not self._pressing[1].done():
            self._pressing[1].set_result(None)
        self._pressing = None
        self._rest = _BETWEEN_KEYS - 1
        return ()
