"""A worker process that only sings: `python -m tests.freeswitch.singing_worker HZ`; it prints its
port."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import uvloop

from ivr.settings import PROJECT
from ivr.telephony.freeswitch.server import FreeSwitchServer
from tests.freeswitch.listener import Conversations
from tests.tones import tone


@contextmanager
def singing_worker(hz: float) -> Iterator[int]:
    """Such a process; yields its port."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.freeswitch.singing_worker", str(hz)],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        cwd=PROJECT,
    ) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


async def main(hz: float) -> None:
    server = FreeSwitchServer("127.0.0.1", 0, Conversations(tone(hz, 60_000)))
    await server.start()
    print(server.port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(float(sys.argv[1])))
