"""The floor: an AudioSocket echo server on uvloop, with a 20 ms clock of its own and one
`transport.write` a frame, and nothing else.

    python -m ivr.benchmarks.media.echo

Prints its port, and serves until it is killed.
"""

from __future__ import annotations

import asyncio
import time
from typing import cast

import uvloop

from ivr.benchmarks.media.callers import FRAME_S, SILENCE


class BareEcho(asyncio.Protocol):
    """Sends what came last, each 20 ms."""

    def __init__(self, live: set[BareEcho]) -> None:
        self.frame = SILENCE
        self._live = live

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self.transport = cast("asyncio.Transport", transport)
        self._live.add(self)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if len(data) == len(SILENCE):
            self.frame = data

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._live.discard(self)


async def serve() -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    live: set[BareEcho] = set()
    started = time.monotonic()
    beats = 0

    def beat() -> None:
        nonlocal beats
        for each in live:
            each.transport.write(each.frame)
        beats += 1
        loop.call_later(max(0.0, started + beats * FRAME_S - time.monotonic()), beat)

    server = await loop.create_server(lambda: BareEcho(live), "127.0.0.1", 0, backlog=512)
    beat()
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve())
