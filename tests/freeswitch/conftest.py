"""Fixtures for tests on a real FreeSWITCH; mark such tests with `pytest.mark.freeswitch`.

    freeswitch    a running switch with the project's configuration and tones for prompts
    ops           a client of its Event Socket
    workers       two FreeSwitchServers that the dialplan knows, and their conversations
    ring          rings the switch like a phone: `phone = await ring()`

Numbers: 100 has the language menu; 7003 is English, and 7004 Hindi, without one; 7001 is handed
over unanswered, and 7005 too, to one worker and then the other; 7006 answered; 7007 like 7003, but
nobody is asked first; 7002 by a `socket` without `async`. They skip, with the reason, where
IVR_FREESWITCH names no binary. Without one:

    server, conversations    a FreeSwitchServer with short limits, and what it hands over
    new_peer                 FreeSWITCH's side of a connection to it, as far as a test says
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass

import pytest

from ivr.audio.g711 import A_LAW, MU_LAW, Law
from ivr.phone.sip import SipPhone
from ivr.ports import free_ports
from ivr.telephony.freeswitch.call import Limits
from ivr.telephony.freeswitch.client import EslClient
from ivr.telephony.freeswitch.server import FreeSwitchServer
from tests.freeswitch.listener import Conversations
from tests.freeswitch.peer import Peer
from tests.freeswitch.switch import NUMBERS, SECRET, FreeSwitch, channels, without_freeswitch
from tests.prompts import render_tones
from tests.tones import tone

Ring = Callable[..., Awaitable[SipPhone]]

FIRST_HZ, SECOND_HZ = 1100.0, 1300.0
"""What the two workers sing."""

LIMITS = Limits(channel_data=0.2, answer=0.2, first_datagram=0.1, no_sound=0.4, ending=0.2)

NewPeer = Callable[[], Peer]


@pytest.fixture
def conversations() -> Conversations:
    return Conversations()


@pytest.fixture
async def server(conversations: Conversations) -> AsyncIterator[FreeSwitchServer]:
    server = FreeSwitchServer("127.0.0.1", 0, conversations, limits=LIMITS, max_calls=2)
    await server.start()
    yield server
    await asyncio.wait_for(server.stop(), 3)
    assert server.live_calls == 0


@pytest.fixture
async def new_peer(server: FreeSwitchServer) -> AsyncIterator[NewPeer]:
    peers: list[Peer] = []

    def new() -> Peer:
        peers.append(Peer(server.port))
        return peers[-1]

    yield new
    for peer in peers:
        await peer.close()


@pytest.fixture(scope="session")
def freeswitch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FreeSwitch]:
    """A real FreeSWITCH that plays tones for prompts."""
    without_freeswitch()
    folder = tmp_path_factory.mktemp("freeswitch")
    render_tones(folder / "sounds", "freeswitch")
    sip_port, event_socket_port = free_ports(2)
    switch = FreeSwitch(
        folder,
        sip_port,
        event_socket_port,
        values={"ivr_menu_wait": "300"},
        files={"dialplan/public/05_numbers.xml": NUMBERS},
    )
    switch.start()
    try:
        yield switch
        assert switch.alive, switch.log()[-4000:]
    finally:
        switch.stop()


@pytest.fixture
async def ops(freeswitch: FreeSwitch) -> AsyncIterator[EslClient]:
    """A client of the switch's own Event Socket; no call outlives the test."""
    client = await EslClient.connect("127.0.0.1", freeswitch.event_socket_port, SECRET)
    yield client
    await client.api("hupall")
    await no_channels(client)
    await client.close()


async def no_channels(ops: EslClient, within: float = 5) -> None:
    """Wait until no channel lives in the switch. Raises TimeoutError."""
    async with asyncio.timeout(within):
        while await channels(ops):
            await asyncio.sleep(0.05)


@dataclass
class Workers:
    """Two workers, in the order in which the dialplan was told of them."""

    servers: tuple[FreeSwitchServer, FreeSwitchServer]
    conversations: tuple[Conversations, Conversations]

    @property
    def calls(self) -> int:
        """Calls that were handed to a conversation."""
        return sum(len(each.all) for each in self.conversations)


@pytest.fixture
async def workers(ops: EslClient) -> AsyncIterator[Workers]:
    """Two workers that sing."""
    conversations = tuple(Conversations(tone(hz, 2000)) for hz in (FIRST_HZ, SECOND_HZ))
    servers = tuple(FreeSwitchServer("127.0.0.1", 0, each) for each in conversations)
    for number, server in enumerate(servers, 1):
        await server.start()
        await ops.api(f"global_setvar ivr_worker_{number}=127.0.0.1:{server.port}")
    yield Workers((servers[0], servers[1]), (conversations[0], conversations[1]))
    for server in servers:
        await server.stop()


@pytest.fixture
async def ring(freeswitch: FreeSwitch) -> AsyncIterator[Ring]:
    """Rings the switch; every phone is hung up in the end."""
    phones: list[SipPhone] = []

    async def ring(
        called: str = "7003",
        *,
        number: str = "+914012345678",
        display_name: str = "",
        codecs: tuple[Law, ...] = (MU_LAW, A_LAW),
    ) -> SipPhone:
        phone = SipPhone(
            f"sip:{called}@127.0.0.1:{freeswitch.sip_port}",
            number=number,
            display_name=display_name,
            codecs=codecs,
        )
        phones.append(phone)
        await phone.ring(10)
        return phone

    yield ring
    for phone in phones:
        await phone.hang_up()
