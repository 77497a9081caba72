"""greenswitch, which shares no line with us, beside our server and our client.

What it makes of a real FreeSWITCH is what we make of it; a call that its worker had goes on with
ours; and it takes the stand-in of our other tests for a FreeSWITCH.
"""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ivr.settings import PROJECT
from ivr.telephony.call import EndedBy
from ivr.telephony.freeswitch.client import EslClient
from tests.freeswitch import wire
from tests.freeswitch.conftest import SECOND_HZ, Ring, Workers
from tests.freeswitch.listener import until
from tests.freeswitch.peer import Peer
from tests.freeswitch.switch import SECRET, FreeSwitch
from tests.tones import heard, share

GREENSWITCH_HZ = 1100.0
"""What the worker of `bench.esl_workers` sings."""


@asynccontextmanager
async def program(*arguments: str) -> AsyncIterator[Process]:
    """Run `python -m` something until the end of the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *arguments), stdin=PIPE, stdout=PIPE, stderr=DEVNULL, cwd=PROJECT
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def line(process: Process) -> str:
    """The next line that it prints."""
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), 20)).decode()


class Client:
    """greenswitch's client: `events` are what it was told."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.events: list[dict[str, Any]] = []

    async def answer(self) -> str:
        """Its next answer; events before it are kept."""
        while True:
            told = json.loads(await line(self._process))
            if "answer" in told:
                return str(told["answer"])
            self.events.append(told)

    async def api(self, command: str) -> str:
        """Have it run an API command."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n".encode())
        return await self.answer()

    async def event(self, name: str) -> dict[str, Any]:
        """The next event of that name."""
        while True:
            found = next((each for each in self.events if each["Event-Name"] == name), None)
            if found is not None:
                self.events.remove(found)
                return found
            self.events.append(json.loads(await line(self._process)))


@pytest.mark.freeswitch
async def test_both_clients_are_told_the_same(
    freeswitch: FreeSwitch, ops: EslClient, ring: Ring, workers: Workers
) -> None:
    port = str(freeswitch.event_socket_port)
    async with program("tests.freeswitch.greenswitch_client", port, SECRET) as process:
        client = Client(process)
        assert await client.answer() == "connected"
        assert await client.api("version") == (await ops.api("version")).strip()
        phone = await ring()
        await until(lambda: workers.calls == 1, 10)
        (listener,) = [each for one in workers.conversations for each in one.all]
        call = listener.call
        answered = await client.event("CHANNEL_ANSWER")
        assert answered["Unique-ID"] == str(call.id)
        assert answered["Caller-Caller-ID-Number"] == call.info.caller
        await phone.press("7")
        assert (await client.event("DTMF"))["DTMF-Digit"] == "7"
        await until(lambda: listener.digits == "7")
        assert (await client.api(f"uuid_kill {call.id} USER_BUSY")).startswith("+OK")
        ending = await listener.end()
        assert (ending.by, ending.detail) == (EndedBy.CALLER, "USER_BUSY")
        gone = await client.event("CHANNEL_HANGUP_COMPLETE")
        assert gone["Hangup-Cause"] == ending.detail


@pytest.mark.freeswitch
async def test_a_call_of_its_worker_goes_on_with_ours(
    ops: EslClient, ring: Ring, workers: Workers
) -> None:
    async with program("bench.esl_workers", "greenswitch") as theirs:
        port = int(await line(theirs))
        await ops.api(f"global_setvar ivr_worker_1=127.0.0.1:{port}")
        ours = workers.servers[1].port
        await ops.api(f"global_setvar ivr_worker_2=127.0.0.1:{ours}")
        # It cannot be asked for admission: on the number whose dialplan does not ask.
        phone = await ring("7005")
        await heard(phone.handset, GREENSWITCH_HZ)
        assert workers.calls == 0
        theirs.kill()
        await workers.conversations[1].next()
        await heard(phone.handset, SECOND_HZ)


async def test_it_takes_our_stand_in_for_a_switch() -> None:
    async with program("bench.esl_workers", "greenswitch") as theirs:
        peer = Peer(int(await line(theirs)))
        async with asyncio.timeout(10):
            # It names its port before it listens.
            while True:
                try:
                    await peer.connect()
                    break
                except ConnectionRefusedError:
                    await asyncio.sleep(0.05)
        await peer.tell({"Answer-State": "early"})
        await peer.until("answer")
        peer.send(wire.event("CHANNEL_ANSWER", {"Answer-State": "answered"}))
        await peer.until("unicast")
        peer.sound()
        (frame,) = await peer.heard()
        assert len(frame) == 320
        sung = frame
        for _ in range(19):
            peer.sound()
            sung += (await peer.heard())[0]
        assert share(sung, GREENSWITCH_HZ) > 0.9
        await peer.close()
