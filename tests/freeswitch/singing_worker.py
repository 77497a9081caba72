"""A worker process that only sings: `python -m tests.freeswitch.singing_worker HZ`; it prints its
port."""

from __future__ import annotations

import asyncio
import sys

import uvloop

from ivr.telephony.freeswitch.server import FreeSwitchServer
from tests.freeswitch.listener import Conversations
from tests.tones import tone


async def main(hz: float) -> None:
    server = FreeSwitchServer("127.0.0.1", 0, Conversations(tone(hz, 60_000)))
    await server.start()
    print(server.port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(float(sys.argv[1])))
