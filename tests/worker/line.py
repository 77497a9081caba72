"""A switch's end of one AudioSocket connection, bare: what it sends and how it ends are the
test's."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import cast
from uuid import UUID, uuid4

from ivr.audio.format import TELEPHONE
from ivr.audio.level import level_dbfs
from ivr.telephony.audiosocket.protocol import (
    AudioReceived,
    Connection,
    HungUp,
    Role,
)
from ivr.telephony.media_clock import MediaClock

_AUDIBLE_DBFS = -50.0
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on, 0 s."""


class Line(asyncio.Protocol):
    """One call: `line = await Line.ring(port, clock)`."""

    def __init__(self, clock: MediaClock) -> None:
        self.call_id: UUID = uuid4()
        self.bot_heard = asyncio.Event()
        """The bot's first sound since the last `listen_anew` has come."""
        self.over = asyncio.Event()
        self.hung_up = False
        """The worker said goodbye in good order."""
        self.was_reset = False
        self._clock = clock
        self._codec = Connection(Role.SWITCH)
        self._to_say: list[bytes] = []
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(cls, port: int, clock: MediaClock) -> Line:
        """Connect, and say nothing."""
        loop = asyncio.get_running_loop()
        line = cls(clock)
        try:
            await loop.create_connection(lambda: line, "127.0.0.1", port)
        except ConnectionResetError:
            # Refused so quickly that the connection was never seen.
            line.was_reset = True
            line.over.set()
        return line

    @classmethod
    async def ring(cls, port: int, clock: MediaClock, call_id: UUID | None = None) -> Line:
        """Connect, tell the call's id, and send sound from now on."""
        line = await cls.open(port, clock)
        line.call_id = call_id or line.call_id
        line._write(line._codec.send_id(line.call_id))
        if not line.over.is_set():
            clock.subscribe(line._tick)
        return line

    def say(self, pcm: bytes) -> None:
        """Queue sound; it leaves at real-time pace."""
        size = TELEPHONE.frame_bytes
        self._to_say += [pcm[at : at + size].ljust(size, b"\0") for at in range(0, len(pcm), size)]

    def press(self, key: str) -> None:
        """A key."""
        self._write(self._codec.send_digit(key))

    def listen_anew(self) -> None:
        """From now on `bot_heard` waits for the next sound."""
        self.bot_heard.clear()

    def close(self) -> None:
        """The caller hangs up: the switch ends its side, and the worker closes."""
        self._clock.unsubscribe(self._tick)
        if self._transport is not None:
            self._transport.write_eof()

    def reset(self) -> None:
        """The switch dies."""
        self._clock.unsubscribe(self._tick)
        if self._transport is not None:
            raw = self._transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()

    # What asyncio tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._codec.receive_data(data)
        for event in self._codec.events():
            if isinstance(event, AudioReceived):
                if not self.bot_heard.is_set() and level_dbfs(event.pcm) > _AUDIBLE_DBFS:
                    self.bot_heard.set()
            elif isinstance(event, HungUp):
                self.hung_up = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.was_reset = exc is not None
        self._transport = None
        self._clock.unsubscribe(self._tick)
        self.over.set()

    def _tick(self) -> None:
        frame = self._to_say.pop(0) if self._to_say else TELEPHONE.silence
        self._write(self._codec.send_audio(frame))

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
