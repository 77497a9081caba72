"""FreeSWITCH's side of one outbound connection, as far as a test says; for faults that the real
one cannot be made to show."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Mapping
from uuid import UUID

from tests.freeswitch import wire

CALL_ID = UUID("6c0d4f0e-2f59-4a09-9d0c-0f1f0b6c8a11")
CALL = {
    "Unique-ID": str(CALL_ID),
    "Caller-Caller-ID-Number": "+15550100",
    "Channel-Name": "sofia/external/1000@127.0.0.1",
    "Answer-State": "answered",
    "Channel-Read-Codec-Name": "PCMU",
    "Channel-Read-Codec-Rate": "8000",
    "variable_rtp_use_codec_ptime": "20",
    "variable_ivr_called": "100",
    "variable_ivr_language": "hi",
    "variable_ivr_destinations": "agent",
    "variable_sip_h_X-Account": "4471",
}


class Peer:
    """Connects to a worker; `media` is the UDP socket that FreeSWITCH would open."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.media = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.media.bind(("127.0.0.1", 0))
        self.media.setblocking(False)
        self.worker_media: tuple[str, int] | None = None
        self.commands: list[str] = []

    async def connect(self) -> None:
        """Open the connection."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    async def command(self, *, answer: bool = True, within: float = 5) -> str:
        """Read the next command, and answer "+OK" to it; "+OK" as its output to an `api`."""
        raw = await asyncio.wait_for(self._reader.readuntil(b"\n\n"), within)
        command = raw.decode().strip()
        self.commands.append(command)
        found = re.search(r"remote-port: (\d+)", command)
        if found:
            self.worker_media = ("127.0.0.1", int(found[1]))
        if answer:
            api = command.startswith("api ")
            self.send(wire.api_reply("+OK\n") if api else wire.reply())
        return command

    def send(self, data: bytes) -> None:
        """Write raw bytes."""
        self._writer.write(data)

    async def tell(self, changes: Mapping[str, str] | None = None, *, then: bytes = b"") -> None:
        """Answer `connect` with the call's data, and write `then` in the same breath."""
        assert await self.command(answer=False) == "connect"
        data = wire.channel_data({**CALL, **(changes or {}), "variable_socket_mode": "async"})
        self.send(data + then)

    async def until(self, start: str) -> str:
        """Answer commands until one contains `start`."""
        while start not in (command := await self.command()):
            pass
        return command

    def sound(self, frame: bytes = bytes(320)) -> None:
        """Send one datagram of the caller's."""
        assert self.worker_media is not None
        self.media.sendto(frame, self.worker_media)

    async def talk(self, changes: Mapping[str, str] | None = None) -> None:
        """Come as far as the first datagram."""
        await self.connect()
        await self.tell(changes)
        await self.until("unicast")
        self.sound()

    async def heard(self, count: int = 1, within: float = 2.0) -> list[bytes]:
        """Wait for datagrams of the worker's."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(within):
            return [await loop.sock_recv(self.media, 2048) for _ in range(count)]

    async def closed(self, within: float = 5.0) -> bytes:
        """Wait until the worker closes; returns what it still wrote."""
        try:
            return await asyncio.wait_for(self._reader.read(), within)
        except ConnectionError:
            return b""

    async def close(self) -> None:
        """Go."""
        self.media.close()
        if hasattr(self, "_writer"):
            self._writer.close()
