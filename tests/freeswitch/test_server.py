"""The worker's side against a peer that misbehaves: each fault ends one call, cleanly and alone."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from ivr.errors import IvrError
from ivr.telephony.call import EndedBy, TransferFailed
from ivr.telephony.freeswitch import link
from ivr.telephony.freeswitch.call import Limits
from ivr.telephony.freeswitch.server import FreeSwitchServer
from tests.freeswitch import wire
from tests.freeswitch.listener import Conversations, until
from tests.freeswitch.peer import CALL_ID, Peer
from tests.freeswitch.tones import tone

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


async def test_a_call_is_described(new_peer: NewPeer, conversations: Conversations) -> None:
    peer = new_peer()
    await peer.talk()
    listener = await conversations.next()
    call = listener.call
    assert call.id == CALL_ID
    assert (call.info.caller, call.info.called) == ("+15550100", "100")
    assert call.info.language == "hi"
    assert call.info.variables["x-account"] == "4471"
    assert call.info.switch_channel == "sofia/external/1000@127.0.0.1"
    await until(lambda: len(listener.frames) == 1)


async def test_unicast_waits_for_the_answer(new_peer: NewPeer) -> None:
    peer = new_peer()
    await peer.connect()
    await peer.tell({"Answer-State": "ringing", "Channel-Read-Codec-Rate": ""})
    await peer.until("execute-app-name: answer")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(peer.command(), 0.05)
    rate = {"Channel-Read-Codec-Name": "PCMA", "Channel-Read-Codec-Rate": "8000"}
    peer.send(wire.event("CHANNEL_ANSWER", rate))
    assert "call-command: unicast" in await peer.until("unicast")
    assert not any("unicast" in command for command in peer.commands[:-1])


async def test_an_answered_call_is_not_answered_again(new_peer: NewPeer) -> None:
    peer = new_peer()
    await peer.talk()
    assert not any("answer" in command for command in peer.commands)


async def test_a_frame_leaves_for_each_that_comes(
    new_peer: NewPeer, conversations: Conversations
) -> None:
    peer = new_peer()
    await peer.talk()
    listener = await conversations.next()
    await peer.heard()
    listener.call.play(tone(1000, 40), mark=5)
    peer.sound()
    (first,) = await peer.heard()
    await asyncio.sleep(0.05)
    with pytest.raises(TimeoutError):
        await peer.heard(within=0.05)
    peer.sound()
    (second,) = await peer.heard()
    assert first + second == tone(1000, 40).pcm
    assert listener.marks == [5]


async def test_a_heap_of_frames_does_not_fill_the_switchs_buffer(
    new_peer: NewPeer, conversations: Conversations
) -> None:
    peer = new_peer()
    await peer.talk()
    listener = await conversations.next()
    listener.call.play(tone(1000, 1000), mark=1)
    await peer.heard()
    for _ in range(20):
        peer.sound()
    await until(lambda: len(listener.frames) == 21)
    assert len(await peer.heard(1)) == 1
    with pytest.raises(TimeoutError):
        await peer.heard(3, within=0.05)
    assert listener.call.clear() > 900


async def test_strangers_are_not_heard(new_peer: NewPeer, conversations: Conversations) -> None:
    peer = new_peer()
    await peer.talk()
    listener = await conversations.next()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        assert peer.worker_media is not None
        stranger.sendto(b"\x7f" * 320, peer.worker_media)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.2", 0))
        stranger.sendto(b"\x7f" * 320, peer.worker_media)
    peer.sound(b"\x01\x00" * 160)
    await until(lambda: len(listener.frames) == 2)
    assert listener.frames == [bytes(320), b"\x01\x00" * 160]


async def test_a_stranger_from_another_host_cannot_be_first(
    new_peer: NewPeer, conversations: Conversations
) -> None:
    peer = new_peer()
    await peer.connect()
    await peer.tell()
    await peer.until("unicast")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.2", 0))
        assert peer.worker_media is not None
        stranger.sendto(bytes(320), peer.worker_media)
    await peer.closed()
    assert conversations.all == []


async def test_a_silent_caller_is_digital_silence(
    new_peer: NewPeer, conversations: Conversations
) -> None:
    peer = new_peer()
    await peer.talk()
    listener = await conversations.next()
    peer.sound(b"\xff" * 320)
    await until(lambda: len(listener.frames) == 2)
    assert listener.frames[1] == bytes(320)


@pytest.mark.parametrize(
    "changes",
    [
        {"Channel-Read-Codec-Name": "G722", "Channel-Read-Codec-Rate": "16000"},
        {"Channel-Read-Codec-Name": "opus", "Channel-Read-Codec-Rate": "48000"},
        {"variable_rtp_use_codec_ptime": "7"},
        {"variable_rtp_use_codec_ptime": "x"},
        {"Channel-Read-Codec-Rate": ""},
    ],
)
async def test_sound_that_is_not_ours_is_let_go_of(
    new_peer: NewPeer, conversations: Conversations, changes: dict[str, str]
) -> None:
    peer = new_peer()
    await peer.connect()
    await peer.tell(changes)
    written = await peer.closed()
    assert b"unicast" not in written
    assert conversations.all == []


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


FAULTS = {
    "json event": b"Content-Type: text/event-json\nContent-Length: 2\n\n{}",
    "unsolicited reply": wire.reply(),
    "garbage": b"\xff\xfe\n\n",
    "datagram of another size": b"",
    "end in mid-message": b"Content-Type: text/event-plain\nContent-Length: 99\n\nEvent-",
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_in_mid_call_ends_this_call_alone(
    new_peer: NewPeer, conversations: Conversations, fault: str
) -> None:
    other = new_peer()
    await other.talk({"Unique-ID": "00000000-0000-4000-8000-000000000001"})
    healthy = await conversations.next()
    peer = new_peer()
    await peer.talk()
    listener = await conversations.next(2)
    if fault == "datagram of another size":
        peer.sound(bytes(100))
    else:
        peer.send(FAULTS[fault])
    if fault == "end in mid-message":
        await peer.close()
    assert (await listener.end()).by is EndedBy.LINE
    for _ in range(2):
        other.sound()
    await until(lambda: len(healthy.frames) >= 3)
    assert healthy.endings == []


async def test_no_sound_from_the_switch_ends_the_call(
    new_peer: NewPeer, conversations: Conversations
) -> None:
    peer = new_peer()
    await peer.talk()
    listener = await conversations.next()
    ending = await listener.end(2)
    assert ending.by is EndedBy.LINE
    assert "no sound" in ending.detail


async def test_the_switch_closes(new_peer: NewPeer, conversations: Conversations) -> None:
    peer = new_peer()
    await peer.talk()
    listener = await conversations.next()
    await peer.close()
    assert (await listener.end()).by is EndedBy.LINE


async def test_the_cause_of_the_callers_hang_up_is_told(
    new_peer: NewPeer, conversations: Conversations
) -> None:
    peer = new_peer()
    await peer.talk()
    listener = await conversations.next()
    peer.send(wire.gone() + wire.event("CHANNEL_HANGUP", {"Hangup-Cause": "CALL_REJECTED"}))
    ending = await listener.end()
    assert (ending.by, ending.detail) == (EndedBy.CALLER, "CALL_REJECTED")


async def test_a_channel_that_goes_without_a_cause_is_over_all_the_same(
    new_peer: NewPeer, conversations: Conversations
) -> None:
    peer = new_peer()
    await peer.talk()
    listener = await conversations.next()
    peer.send(wire.gone())
    assert (await listener.end(1)).by is EndedBy.CALLER


async def test_keys_that_are_none_are_not_told(
    new_peer: NewPeer, conversations: Conversations
) -> None:
    peer = new_peer()
    await peer.talk()
    listener = await conversations.next()
    for key in ("1", "F", "12", "", "\n", "d", "#"):
        peer.send(wire.event("DTMF", {"DTMF-Digit": key}))
    await until(lambda: listener.digits.endswith("#"))
    assert listener.digits == "1D#"


async def test_a_hang_up_that_nobody_confirms_ends_the_call(
    new_peer: NewPeer, conversations: Conversations
) -> None:
    peer = new_peer()
    await peer.talk()
    listener = await conversations.next()
    hanging_up = asyncio.ensure_future(listener.call.hang_up())
    await peer.until("call-command: hangup")
    await asyncio.wait_for(hanging_up, 2)
    assert (await listener.end()).by is EndedBy.BOT


async def test_a_transfer_that_does_not_happen_leaves_the_caller_with_us(
    new_peer: NewPeer, conversations: Conversations
) -> None:
    peer = new_peer()
    await peer.talk()
    listener = await conversations.next()
    transferring = asyncio.ensure_future(listener.call.transfer("agent"))
    assert "agent XML ivr_transfer" in await peer.until("execute-app-name: transfer")
    peer.sound()
    with pytest.raises(TransferFailed):
        await transferring
    peer.sound()
    await until(lambda: len(listener.frames) >= 3)
    assert listener.endings == []


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
