"""A worker process is killed in mid-call; the caller hears the next one."""

from __future__ import annotations

import asyncio
import random
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process

import pytest

from ivr.settings import PROJECT
from ivr.telephony.freeswitch.client import EslClient
from tests.freeswitch.conftest import FIRST_HZ, SECOND_HZ, Ring, Workers
from tests.tones import heard, share

pytestmark = pytest.mark.freeswitch

KILLS = 3
OUTAGE_MS = 1500
"""On a busy machine; `bench.takeovers` measures it."""


async def sing(hz: float) -> tuple[Process, int]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.freeswitch.singing_worker", str(hz)),
        stdout=PIPE,
        stdin=DEVNULL,
        cwd=PROJECT,
    )
    assert process.stdout is not None
    return process, int(await asyncio.wait_for(process.stdout.readline(), 20))


async def test_the_next_worker_is_heard(ring: Ring, ops: EslClient) -> None:
    processes = dict(zip((1, 2), [await sing(FIRST_HZ), await sing(SECOND_HZ)], strict=True))
    pitch = {1: FIRST_HZ, 2: SECOND_HZ}
    chance = random.Random(5)
    outages = []
    try:
        for _ in range(KILLS):
            for number, (_, port) in processes.items():
                await ops.api(f"global_setvar ivr_worker_{number}=127.0.0.1:{port}")
            phone = await ring()
            await phone.handset.heard_sound(5)
            await asyncio.sleep(0.3 + chance.random() * 0.3)
            sung = phone.handset.record()[1].pcm[-3200:]
            first = 1 if share(sung, pitch[1]) > share(sung, pitch[2]) else 2
            before = len(phone.handset.arrival_gaps_ms)
            process, _ = processes[first]
            process.kill()
            await process.wait()
            await heard(phone.handset, pitch[3 - first], 5)
            outages.append(max(phone.handset.arrival_gaps_ms[before:]))
            await phone.hang_up()
            processes[first] = await sing(pitch[first])
    finally:
        for process, _ in processes.values():
            process.kill()
            await process.wait()
    print(f"outages: {sorted(round(each) for each in outages)} ms")
    assert max(outages) < OUTAGE_MS


@pytest.mark.parametrize("last_words", [b"", b"connect\n\n"])
async def test_a_worker_that_is_gone_as_the_call_comes_is_followed_by_the_next(
    ring: Ring, workers: Workers, ops: EslClient, last_words: bytes
) -> None:
    """FreeSWITCH parks such a channel all the same, and only `socket_resume` ends that."""

    met = 0

    async def gone(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal met
        met += 1
        writer.write(last_words)
        writer.close()

    async with await asyncio.start_server(gone, "127.0.0.1", 0) as dying:
        port = dying.sockets[0].getsockname()[1]
        await ops.api(f"global_setvar ivr_worker_1=127.0.0.1:{port}")
        # Half of the calls begin with each worker.
        while met < 3:
            phone = await ring("7007")
            await heard(phone.handset, SECOND_HZ, 5)
            await phone.hang_up()
