"""The switch's end of one connection, by hand: whatever bytes a test wants, and what came back."""

from __future__ import annotations

import asyncio
import socket
import struct
from uuid import UUID, uuid4

from ivr.telephony.audiosocket.protocol import (
    AudioReceived,
    Connection,
    Event,
    RemoteProtocolError,
    Role,
)

DEADLINE_S = 5.0


class FarSide:
    """Rings `port` of this machine. Frames are built with `codec`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.codec = Connection(Role.SWITCH)
        self.events: list[Event] = []
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, port: int, *, receive_buffer: int | None = None) -> FarSide:
        """Connect, and say nothing yet."""
        raw = socket.socket()
        raw.setblocking(False)
        if receive_buffer is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port))
        except OSError:
            raw.close()
            raise
        return cls(*await asyncio.open_connection(sock=raw))

    @classmethod
    async def ring(cls, port: int, call_id: UUID | None = None) -> FarSide:
        """Connect, and tell a call id."""
        far = await cls.connect(port)
        far.send(far.codec.send_id(call_id or uuid4()))
        return far

    def send(self, data: bytes) -> None:
        """Write bytes as they are."""
        self._writer.write(data)

    def send_end(self) -> None:
        """Say that nothing more comes."""
        self._writer.write_eof()

    async def frames(self, count: int) -> list[bytes]:
        """The next so many frames of sound. Raises TimeoutError, ConnectionError at the end."""
        async with asyncio.timeout(DEADLINE_S):
            while sum(isinstance(event, AudioReceived) for event in self.events) < count:
                if not await self._read():
                    raise ConnectionError("no more frames")
        heard = [event for event in self.events if isinstance(event, AudioReceived)][:count]
        self.events = [event for event in self.events if event not in heard]
        return [event.pcm for event in heard]

    async def end(self) -> str:
        """Wait for the end: "closed", "reset", or "not AudioSocket"."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                while await self._read():
                    pass
        except ConnectionError:
            return "reset"
        except RemoteProtocolError:
            return "not AudioSocket"
        finally:
            await self.close()
        return "closed"

    def reset(self) -> None:
        """Break the connection."""
        raw = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def close(self) -> None:
        """Let go of the socket."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            return

    async def _read(self) -> bool:
        data = await self._reader.read(65536)
        if data:
            self.codec.receive_data(data)
        else:
            self.codec.receive_end()
        self.events.extend(self.codec.events())
        return bool(data)
