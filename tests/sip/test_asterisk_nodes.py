"""Kamailio in front of real Asterisks."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest

from ivr.phone.sip import SipPhone
from ivr.telephony.audiosocket.ami import AmiControl
from tests.prompts import render_tones
from tests.sip.caller import Caller
from tests.sip.conftest import sockets_of
from tests.sip.draining import Draining, ivrctl_nodes
from tests.sip.edge import STRANGER, TRUNK, Edge
from tests.sip.ivrctl import ivrctl_calls
from tests.sip.node import ScriptedNode
from tests.sip.records import Cdrs
from tests.telephony.asterisk.scripted_worker import ScriptedWorker
from tests.telephony.asterisk.switch import AsteriskSwitch
from tests.tones import heard, tone

pytestmark = [pytest.mark.kamailio, pytest.mark.asterisk]

BOT_HZ = 1100.0

Dial = Callable[[], Awaitable[SipPhone]]


@pytest.fixture
def asterisks(unpacked_asterisk: Path) -> Iterator[tuple[AsteriskSwitch, AsteriskSwitch]]:
    """Two, which believe what the edge says about callers."""
    pair = (AsteriskSwitch(unpacked_asterisk), AsteriskSwitch(unpacked_asterisk))
    try:
        for switch in pair:
            render_tones(switch.sounds, "asterisk")
            with (switch.home / "etc" / "local" / "pjsip.conf").open("a") as file:
                file.write("[trunk](+)\ntrust_id_inbound = yes\n")
            switch.start()
        yield pair
    finally:
        for switch in pair:
            switch.stop()


@pytest.fixture
async def front(
    edge_programs: None,
    asterisks: tuple[AsteriskSwitch, AsteriskSwitch],
    tmp_path: Path,
    cdrs: Cdrs,
    worker: ScriptedWorker,
) -> AsyncIterator[Edge]:
    """A Kamailio in front of both; they hand their calls to `worker`."""
    for switch in asterisks:
        switch.use_workers(worker.port, menu_wait_s=1)
    edge = Edge(
        tmp_path,
        {f"asterisk-{n}": f"127.0.0.1:{each.sip_port}" for n, each in enumerate(asterisks, 1)},
        defines={"IVR_STRANGERS": "1"},
        sockets=sockets_of(cdrs.url),
    )
    await asyncio.to_thread(edge.start)
    yield edge
    await asyncio.to_thread(edge.stop)


@pytest.fixture
async def dial(front: Edge) -> AsyncIterator[Dial]:
    """Rings the edge and presses 1; every phone is hung up in the end."""
    phones: list[SipPhone] = []

    async def dial() -> SipPhone:
        phone = SipPhone(front.target(), number="+914012345678")
        phones.append(phone)
        await phone.ring(10)
        await phone.press("1")
        return phone

    yield dial
    for phone in phones:
        await phone.hang_up()


@pytest.fixture
async def caller_at_front(front: Edge) -> AsyncIterator[Caller]:
    """Calls without sound, from a trusted trunk."""
    caller = Caller(front.port)
    await caller.open(TRUNK)
    yield caller
    caller.close()


def calls_in(switch: AsteriskSwitch) -> int:
    """Calls that an Asterisk has had since it started."""
    text = switch.cli("core show channels count")
    return int(next(line for line in text.splitlines() if "processed" in line).split()[0])


def kill(switch: AsteriskSwitch) -> None:
    """As a crash would; it can be started again."""
    os.kill(switch.pid, signal.SIGKILL)
    assert switch._process is not None
    switch._process.wait(5)


async def test_a_killed_asterisk_is_out_within_five_seconds_and_comes_back(
    asterisks: tuple[AsteriskSwitch, AsteriskSwitch],
    front: Edge,
    worker: ScriptedWorker,
    dial: Dial,
) -> None:
    dead, alive = asterisks
    kill(dead)
    killed = monotonic()
    phone = await dial()
    call = await worker.next_call()
    call.play(tone(BOT_HZ, 600).pcm)
    await heard(phone.handset, BOT_HZ)
    while monotonic() < killed + 5:
        await asyncio.sleep(0.05)
    before = calls_in(alive)
    for _ in range(4):
        began = monotonic()
        await dial()
        assert monotonic() - began < 1.5, "a call still tried the dead node"
        await worker.next_call()
    assert calls_in(alive) == before + 4
    await asyncio.to_thread(dead.start)
    dead.use_workers(worker.port, menu_wait_s=1)
    deadline = monotonic() + 15
    while calls_in(dead) == 0:
        assert monotonic() < deadline, front.rpc.call("dispatcher.list")
        await dial()
        await worker.next_call()


async def test_neither_number_nor_headers_of_a_stranger_reach_the_worker(
    asterisks: tuple[AsteriskSwitch, AsteriskSwitch], front: Edge, worker: ScriptedWorker
) -> None:
    controls = []
    for switch in asterisks:
        control = AmiControl("127.0.0.1", switch.ami_port, switch.ami_user, switch.ami_secret)
        await control.start()
        assert await control.wait_connected(5)
        controls.append(control)
    claims = (
        ("P-Asserted-Identity", '"Boss" <sip:+15550001@bank.example>'),
        ("Remote-Party-ID", "<sip:+15550001@bank.example>;party=calling"),
        ("X-Account", "447123"),
        ("Call", "caller=+15550001"),
    )
    seen = {}
    try:
        for host in (STRANGER, TRUNK):
            who = Caller(front.port)
            await who.open(host)
            call = who.ring("100", *claims, number="+15550009")
            assert await call.status() == 200
            at_worker = await worker.next_call()
            infos = [await each.info(at_worker.uuid) for each in controls]
            (info,) = [info for info in infos if info is not None]
            seen[host] = info
            assert await who.hang_up(call) == 200
            who.close()
    finally:
        for control in controls:
            await control.close()
    assert "5550001" not in repr(seen[STRANGER])
    assert "5550009" not in repr(seen[STRANGER])
    assert "447123" not in repr(seen[STRANGER])
    assert "Boss" not in repr(seen[STRANGER])
    assert seen[STRANGER].caller == ""
    assert seen[TRUNK].caller == "+15550001"


async def test_an_agent_outside_is_rung_through_the_edge(
    edge_programs: None,
    asterisks: tuple[AsteriskSwitch, AsteriskSwitch],
    tmp_path: Path,
    worker: ScriptedWorker,
) -> None:
    """As docs/sip.md writes it into the node's configuration."""
    switch = asterisks[0]
    carrier = ScriptedNode()
    await carrier.open("127.0.0.41")
    edge = Edge(
        tmp_path, {"asterisk-1": f"127.0.0.1:{switch.sip_port}"}, ways_out=[carrier.address]
    )
    await asyncio.to_thread(edge.start)
    switch.use_workers(worker.port, menu_wait_s=1)
    switch.set_global("IVR_AGENT", f"PJSIP/trunk/sip:+914012345678@127.0.0.1:{edge.port}")
    phone = SipPhone(edge.target(), number="+914055500002")
    try:
        await phone.ring(10)
        await phone.press("1")
        call = await worker.next_call()
        environment = {
            "IVR_AMI_PORT": str(switch.ami_port),
            "IVR_AMI_USER": switch.ami_user,
            "IVR_AMI_SECRET": switch.ami_secret,
        }
        status, _, said = await ivrctl_calls(environment, "transfer", str(call.uuid), "agent")
        assert status == 0, said
        async with asyncio.timeout(10):
            while not carrier.seen("ACK"):
                await asyncio.sleep(0.05)
        (invite,) = carrier.invites
        assert invite.uri == f"sip:+914012345678@{carrier.address}"
        await phone.hang_up()
        async with asyncio.timeout(10):
            while not carrier.seen("BYE"):
                await asyncio.sleep(0.05)
    finally:
        await phone.hang_up()
        carrier.close()
        await asyncio.to_thread(edge.stop)


async def test_a_drained_asterisk_finishes_its_calls_and_takes_none(
    asterisks: tuple[AsteriskSwitch, AsteriskSwitch],
    front: Edge,
    caller_at_front: Caller,
    worker: ScriptedWorker,
    cdrs: Cdrs,
) -> None:
    by_name = dict(zip(("asterisk-1", "asterisk-2"), asterisks, strict=True))

    async def had(name: str) -> int:
        return await asyncio.to_thread(calls_in, by_name[name])

    async def let_go(count: int) -> None:
        listing = asterisks[0].cli("core show channels concise")
        for line in listing.splitlines()[:count]:
            asterisks[0].cli(f"channel request hangup {line.split('!')[0]}")

    async def drain() -> str:
        assert (await ivrctl_nodes(front, "drain", "asterisk-1"))["asterisk-1"][0] == "drained"
        return "drained"

    draining = Draining(
        edge=front,
        caller=caller_at_front,
        cdrs=cdrs,
        first="asterisk-1",
        second="asterisk-2",
        had=had,
        let_go=let_go,
    )
    await draining.proves(drain, lambda: ivrctl_nodes(front, "undrain", "asterisk-1"))
