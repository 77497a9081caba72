"""The worker's side against a peer that misbehaves: each fault ends one call, cleanly and alone."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from ivr.errors import IvrError
from ivr.telephony.freeswitch import link
from ivr.telephony.freeswitch.server import FreeSwitchServer
from tests.freeswitch import wire
from tests.freeswitch.conftest import NewPeer
from tests.freeswitch.listener import Conversations
from tests.freeswitch.peer import Peer


async def no_data(peer: Peer) -> None:
    await peer.connect()


async def no_uuid(peer: Peer) -> None:
    await peer.connect()
    await peer.tell({"Unique-ID": "x"})


async def no_answer(peer: Peer) -> None:
    await peer.connect()
    await peer.tell({"Answer-State": "early"})
    await peer.until("execute-app-name: answer")


async def no_datagram(peer: Peer) -> None:
    await peer.connect()
    await peer.tell()
    await peer.until("unicast")


async def refused(peer: Peer) -> None:
    await peer.connect()
    await peer.tell()
    for _ in range(2):
        await peer.command()
    await peer.command(answer=False)
    peer.send(wire.reply("-ERR memory error"))


async def garbage(peer: Peer) -> None:
    await peer.connect()
    peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n\n\n")


@pytest.mark.parametrize("fault", [no_data, no_uuid, no_answer, no_datagram, refused, garbage])
async def test_what_never_becomes_a_call_is_let_go_of(
    new_peer: NewPeer,
    conversations: Conversations,
    server: FreeSwitchServer,
    fault: Callable[[Peer], Awaitable[None]],
) -> None:
    peer = new_peer()
    await fault(peer)
    await peer.closed()
    await asyncio.wait_for(server.wait_closed(), 2)
    assert conversations.all == []
    assert server.live_calls == 0


async def test_a_reply_that_never_comes_ends_the_call(
    new_peer: NewPeer, conversations: Conversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link.EslLink.__init__, "__kwdefaults__", {"reply_s": 0.1})
    peer = new_peer()
    await peer.connect()
    await peer.tell()
    await peer.command(answer=False)
    await peer.closed()
    assert conversations.all == []


async def test_admission_counts_what_it_promised(
    new_peer: NewPeer, server: FreeSwitchServer, conversations: Conversations
) -> None:
    answers = []
    for number in range(3):
        peer = new_peer()
        await peer.connect()
        call_id = f"00000000-0000-4000-8000-00000000000{number}"
        await peer.tell({"variable_ivr_ask": "admission", "Unique-ID": call_id})
        answers.append((await peer.until("ivr_admitted")).rpartition("=")[2])
        assert await peer.command() == "exit"
        await peer.close()
    assert answers == ["yes", "yes", "no"]
    admitted = new_peer()
    call_id = "00000000-0000-4000-8000-000000000009"
    await admitted.talk({"variable_ivr_admitted": "yes", "Unique-ID": call_id})
    assert (await conversations.next()).call.id.hex.endswith("9")


class Busy:
    """A worker that has no place, and a caller who hears it ring."""

    def __init__(self, conversations: Conversations) -> None:
        self.ready = False
        self.server = FreeSwitchServer("127.0.0.1", 0, conversations, may_take=lambda: self.ready)

    async def asked(self) -> Peer:
        await self.server.start()
        peer = Peer(self.server.port)
        await peer.connect()
        await peer.tell({"variable_ivr_ask": "admission", "variable_ivr_rings": "yes"})
        await asyncio.sleep(0.1)
        assert self.server.promised_calls == 0
        return peer


@pytest.fixture
async def busy(conversations: Conversations) -> AsyncIterator[Busy]:
    busy = Busy(conversations)
    yield busy
    await busy.server.stop()


async def test_a_caller_who_hears_it_ring_waits_for_a_place(busy: Busy) -> None:
    peer = await busy.asked()
    busy.ready = True
    assert (await peer.until("ivr_admitted")).endswith("=yes")
    assert busy.server.promised_calls == 1
    await peer.close()


async def test_a_caller_who_hangs_up_while_it_rings_is_promised_nothing(busy: Busy) -> None:
    peer = await busy.asked()
    peer.send(wire.gone())
    await asyncio.sleep(0.1)
    busy.ready = True
    await peer.closed()
    assert busy.server.promised_calls == 0
    await peer.close()


async def test_a_worker_that_drains_lets_those_who_ring_be_asked_about_elsewhere(
    busy: Busy,
) -> None:
    peer = await busy.asked()
    await busy.server.pause_accepting()
    busy.ready = True
    assert (await peer.until("ivr_admitted")).endswith("=no")
    assert busy.server.promised_calls == 0
    await peer.close()


async def test_who_waited_in_vain_is_asked_about_nowhere_else(
    busy: Busy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(busy.server._doorstep, "_patience_s", 0.2)
    peer = await busy.asked()
    assert (await peer.until("ivr_admitted")).endswith("=full")
    assert busy.server.promised_calls == 0
    await peer.close()


async def test_a_closed_port_refuses_and_opens_again(server: FreeSwitchServer) -> None:
    assert server.accepting
    await server.pause_accepting()
    assert not server.accepting
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", server.port)
    await server.start()
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.close()


async def test_only_known_switches_may_connect(conversations: Conversations) -> None:
    server = FreeSwitchServer("127.0.0.1", 0, conversations, switches=["10.0.0.0/8"])
    await server.start()
    peer = Peer(server.port)
    await peer.connect()
    assert await peer.closed() == b""
    await peer.close()
    await server.stop()


async def test_media_ports_run_out_by_name(conversations: Conversations) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        server = FreeSwitchServer(
            "127.0.0.1", 0, conversations, media_ports=[taken.getsockname()[1]]
        )
        await server.start()
        peer = Peer(server.port)
        await peer.connect()
        await peer.tell()
        assert b"unicast" not in await peer.closed()
        await peer.close()
        await server.stop()
    assert conversations.all == []


async def test_a_port_in_use_is_said_in_a_sentence(server: FreeSwitchServer) -> None:
    second = FreeSwitchServer("127.0.0.1", server.port, Conversations())
    with pytest.raises(IvrError, match="cannot be opened"):
        await second.start()


async def test_fifty_calls_of_each_ending_leave_nothing(
    server: FreeSwitchServer, conversations: Conversations
) -> None:
    def sockets() -> int:
        gc.collect()
        return len([each for each in gc.get_objects() if isinstance(each, socket.socket)])

    before, tasks = sockets(), len(asyncio.all_tasks())
    for number in range(50):
        peer = Peer(server.port)
        await peer.talk()
        listener = await conversations.next(number + 1)
        match number % 5:
            case 0:
                peer.send(wire.gone() + wire.event("CHANNEL_HANGUP"))
            case 1:
                listener.call.drop()
            case 2:
                peer.send(b"\xff\n\n")
            case 3:
                await peer.close()
            case _:
                hanging_up = asyncio.ensure_future(listener.call.hang_up())
                await peer.until("hangup")
                peer.send(wire.gone() + wire.event("CHANNEL_HANGUP"))
                await hanging_up
        await listener.end()
        await peer.close()
    await asyncio.wait_for(server.wait_closed(), 3)
    conversations.all.clear()
    del listener, peer
    await asyncio.sleep(0.05)
    assert server.live_calls == 0
    assert len(asyncio.all_tasks()) <= tasks
    assert sockets() <= before + 2


async def test_calls_from_elsewhere_count_too(conversations: Conversations) -> None:
    elsewhere = 2
    server = FreeSwitchServer(
        "127.0.0.1", 0, conversations, max_calls=2, other_calls=lambda: elsewhere
    )
    await server.start()
    for said in ("no", "yes"):
        peer = Peer(server.port)
        await peer.connect()
        await peer.tell({"variable_ivr_ask": "admission"})
        assert (await peer.until("ivr_admitted")).endswith(f"={said}")
        await peer.close()
        elsewhere = 1
    assert server.promised_calls == 1
    await server.stop()
