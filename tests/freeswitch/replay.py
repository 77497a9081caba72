"""FreeSWITCH as it was recorded: says the same bytes at the same times, and expects the same back.

What depends on the run, and nothing else, may differ from the record: the worker's ports. A
worker that says something else, in another order, or too late, fails with both versions.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections import defaultdict
from contextlib import suppress

from ivr.admission.doorstep import PATIENCE_S
from tests.freeswitch.recording import Passed

LATE_S = PATIENCE_S + 3.0
"""A worker has this long for what it said at once in the record, or after a caller waited for a
place."""

_PORT = re.compile(rb"remote-port: (\d+)")
_SOCKET = re.compile(rb"&socket\([^ )]*")
_OWN = re.compile(rb"(IVR_WORKER|ivr_worker)=[^\n]*")


class Strayed(AssertionError):
    """The worker did something else than in the record."""


class Link:
    """One of the switch's connections to the worker."""

    def __init__(self) -> None:
        self.received = b""
        self.expected = b""
        self.ended = False
        self.media = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.media.bind(("127.0.0.1", 0))
        self.media.setblocking(False)
        self.worker_media: tuple[str, int] | None = None
        self.heard: list[bytes] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, port: int) -> None:
        """Connect to the worker."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._hear())]

    async def _read(self) -> None:
        # A worker that closes before it has read all resets the connection.
        with suppress(ConnectionError):
            while data := await self._reader.read(65536):
                self.received += data
                if found := _PORT.search(self.received):
                    self.worker_media = ("127.0.0.1", int(found[1]))
        self.ended = True

    async def _hear(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self.heard.append(await loop.sock_recv(self.media, 4096))

    def say(self, data: bytes, *, piece: int) -> None:
        """Write so, in pieces of that many bytes (0: as recorded)."""
        for start in range(0, len(data), piece or len(data)):
            self._writer.write(data[start : start + (piece or len(data))])

    def sound(self, datagram: bytes) -> None:
        """Send one datagram of the caller's."""
        assert self.worker_media is not None, "sound before the worker named its port"
        self.media.sendto(datagram, self.worker_media)

    async def has_said(self, what: bytes) -> None:
        """Wait until the worker has said this next. Raises Strayed."""
        self.expected += what
        with suppress(TimeoutError):
            async with asyncio.timeout(LATE_S):
                while len(_alike(self.received)) < len(_alike(self.expected)):
                    await asyncio.sleep(0.001)
        wanted = _alike(self.expected)
        if _alike(self.received)[: len(wanted)] != wanted:
            raise Strayed(
                f"The worker said\n{self.received.decode('latin-1')}\n"
                f"--- and in the record it said\n{self.expected.decode('latin-1')}"
            )

    async def close(self) -> None:
        """Let go; whatever the worker still said is in `received`."""
        self._writer.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.media.close()


class Replay:
    """Plays one recording to a worker on `port`. `pieces`: the switch's bytes come in pieces of
    that size; 0: as they came."""

    def __init__(self, passed: list[Passed], port: int, *, pieces: int = 0) -> None:
        self._passed = passed
        self._port = port
        self._pieces = pieces
        self.links: dict[int, Link] = {}

    async def play(self) -> None:
        """Play it to its end. Raises Strayed."""
        loop = asyncio.get_running_loop()
        began = loop.time() - self._passed[0].t
        try:
            for each in self._passed:
                link = self.links.get(each.link)
                if link is None:
                    link = self.links[each.link] = Link()
                    await link.open(self._port)
                if each.by == "worker":
                    await self._expect(link, each)
                    continue
                # Behind time it goes on at the recorded pace: a heap of frames is another story.
                began = max(began, loop.time() - each.t)
                await asyncio.sleep(began + each.t - loop.time())
                if each.kind == "esl":
                    link.say(each.data, piece=self._pieces)
                elif each.kind == "sound":
                    link.sound(each.data)
                else:
                    await link.close()
            await asyncio.sleep(0.05)
        finally:
            for link in self.links.values():
                await link.close()
        self._nothing_more()

    async def _expect(self, link: Link, said: Passed) -> None:
        if said.kind == "esl":
            await link.has_said(said.data)
        elif said.kind == "end":
            async with asyncio.timeout(LATE_S):
                while not link.ended:
                    await asyncio.sleep(0.001)

    def _nothing_more(self) -> None:
        for number, link in self.links.items():
            if _alike(link.received) != _alike(link.expected):
                more = link.received.decode("latin-1")
                raise Strayed(f"On link {number} the worker said more than recorded:\n{more}")


def sounds_of(passed: list[Passed]) -> dict[int, list[bytes]]:
    """The worker's datagrams in the record, by link."""
    found: dict[int, list[bytes]] = defaultdict(list)
    for each in passed:
        if each.by == "worker" and each.kind == "sound":
            found[each.link].append(each.data)
    return found


def _alike(said: bytes) -> bytes:
    """Without what differs from run to run."""
    said = _SOCKET.sub(b"&socket(HOST:PORT", _PORT.sub(b"remote-port: PORT", said))
    return _OWN.sub(rb"\1=HOST:PORT", said)
