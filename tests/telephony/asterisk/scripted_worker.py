"""The smallest worker: it speaks AudioSocket, plays what a test tells it, and notes what comes.

Written against the protocol and not against our own server, so that a test with it says something
about Asterisk and the dialplan alone.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from uuid import UUID

from ivr.audio.format import TELEPHONE

FRAME = TELEPHONE.frame_bytes
_HANG_UP, _UUID, _DIGIT, _AUDIO = 0x00, 0x01, 0x03, 0x10


class ScriptedCall:
    """One connection from Asterisk."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.uuid = UUID(int=0)
        self.digits = ""
        self.heard = bytearray()
        self.ended = asyncio.Event()
        self.sound = bytearray()
        """What is still to be played; silence once it is empty."""
        self.frozen = False
        """A frozen worker keeps its connection and does nothing."""

    def play(self, pcm: bytes) -> None:
        """Queue sound, 16-bit at 8,000 Hz."""
        self.sound += pcm

    def hang_up(self) -> None:
        """Say that this part of the call is over, in good order."""
        self._writer.write(struct.pack("!BH", _HANG_UP, 0))
        self._writer.close()

    def die(self) -> None:
        """End as a killed process does: with a reset."""
        raw = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def digits_are(self, wanted: str, within: float = 10.0) -> None:
        """Wait for exactly these keys. Raises TimeoutError."""
        async with asyncio.timeout(within):
            while self.digits != wanted:
                await asyncio.sleep(0.01)

    async def heard_ms(self, ms: float, within: float = 10.0) -> None:
        """Wait until so much more sound has come. Raises TimeoutError."""
        enough = len(self.heard) + int(ms / 20) * FRAME
        async with asyncio.timeout(within):
            while len(self.heard) < enough:
                await asyncio.sleep(0.01)

    async def run(self, reader: asyncio.StreamReader, arrived: asyncio.Queue[ScriptedCall]) -> None:
        speaking = asyncio.create_task(self._speak())
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                while True:
                    kind, length = struct.unpack("!BH", await reader.readexactly(3))
                    payload = await reader.readexactly(length)
                    if kind == _UUID:
                        self.uuid = UUID(bytes=payload)
                        arrived.put_nowait(self)
                    elif kind == _DIGIT:
                        self.digits += payload.decode("ascii")
                    elif kind == _AUDIO:
                        self.heard += payload
        finally:
            speaking.cancel()
            self.ended.set()
            self._writer.close()

    async def _speak(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not self._writer.is_closing():
            if not self.frozen:
                frame = bytes(self.sound[:FRAME]).ljust(FRAME, b"\0")
                del self.sound[:FRAME]
                self._writer.write(struct.pack("!BH", _AUDIO, FRAME) + frame)
            due += 0.02
            await asyncio.sleep(max(0.0, due - loop.time()))


class ScriptedWorker:
    """Listens on a port of its own; each call that arrives is waited for with `next_call`."""

    def __init__(self) -> None:
        self._arrived: asyncio.Queue[ScriptedCall] = asyncio.Queue()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.calls: list[ScriptedCall] = []
        self.port = 0

    async def start(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def next_call(self, within: float = 15.0) -> ScriptedCall:
        """The next call that arrives. Raises TimeoutError."""
        async with asyncio.timeout(within):
            return await self._arrived.get()

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        call = ScriptedCall(writer)
        self.calls.append(call)
        with suppress(asyncio.CancelledError):
            await call.run(reader, self._arrived)
