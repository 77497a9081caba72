"""One call against a peer that misbehaves: each fault ends this call, cleanly and alone."""

from __future__ import annotations

import asyncio
import socket

import pytest

from ivr.telephony.call import EndedBy, TransferFailed
from ivr.telephony.consultation import AgentUnavailable
from tests.freeswitch import wire
from tests.freeswitch.conftest import NewPeer
from tests.freeswitch.listener import Conversations, until
from tests.freeswitch.peer import CALL_ID
from tests.tones import tone


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


async def test_a_number_that_is_withheld_is_not_told(
    new_peer: NewPeer, conversations: Conversations
) -> None:
    await new_peer().talk({"Caller-Privacy-Hide-Number": "true"})
    assert (await conversations.next()).call.info.caller == ""


@pytest.mark.parametrize(
    "who",
    [
        {"variable_sip_h_X-IVR-Trunk": "stranger"},
        {"Caller-Caller-ID-Number": "anonymous"},
        {"Caller-Caller-ID-Number": "Anonymous"},
    ],
)
async def test_neither_number_nor_name_of_a_stranger_is_told(
    who: dict[str, str], new_peer: NewPeer, conversations: Conversations
) -> None:
    await new_peer().talk({"Caller-Caller-ID-Name": "Boss", **who})
    info = (await conversations.next()).call.info
    assert (info.caller, info.variables["caller_name"]) == ("", "")


@pytest.mark.parametrize(
    ("number", "told"),
    [
        ("+1555[/x]0100", "+15550100"),
        ("12\n34", "1234"),
        ("alice", ""),
        ("+1555 01-00", "+15550100"),
    ],
)
async def test_a_number_is_made_of_digits(
    number: str, told: str, new_peer: NewPeer, conversations: Conversations
) -> None:
    await new_peer().talk({"Caller-Caller-ID-Number": number, "Caller-Caller-ID-Name": "Zoë"})
    info = (await conversations.next()).call.info
    assert (info.caller, info.variables["caller_name"]) == (told, "Zoë")


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


async def test_an_application_that_ends_the_sound_ends_the_call(
    new_peer: NewPeer, conversations: Conversations
) -> None:
    peer = new_peer()
    await peer.talk()
    listener = await conversations.next()
    peer.send(wire.event("CHANNEL_EXECUTE_COMPLETE", {"Application": "play\nback"}))
    await peer.closed()
    ending = await listener.end()
    assert ending.by is EndedBy.LINE
    assert ending.detail == "the switch ran `playback`, which ended the sound"


async def test_an_application_that_leaves_the_sound_changes_nothing(
    new_peer: NewPeer, conversations: Conversations
) -> None:
    peer = new_peer()
    await peer.talk()
    listener = await conversations.next()
    peer.send(wire.event("CHANNEL_EXECUTE_COMPLETE", {"Application": "set"}))
    for _ in range(15):
        peer.sound()
        await asyncio.sleep(0.02)
    assert listener.endings == []


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


async def test_what_happened_before_the_call_came_is_not_told(
    new_peer: NewPeer, conversations: Conversations
) -> None:
    """FreeSWITCH delivers events late when it is busy: here a key of its language menu, and the
    end of the last worker's park."""
    peer = new_peer()
    await peer.talk({"Event-Sequence": "418"})
    listener = await conversations.next()
    peer.send(wire.event("DTMF", {"DTMF-Digit": "1", "Event-Sequence": "99"}))
    peer.send(wire.event("CHANNEL_UNPARK", {"Event-Sequence": "417"}))
    peer.send(wire.event("DTMF", {"DTMF-Digit": "4", "Event-Sequence": "419"}))
    await until(lambda: bool(listener.digits))
    assert listener.digits == "4"
    assert listener.endings == []


async def test_a_key_that_comes_with_the_call_is_told(
    new_peer: NewPeer, conversations: Conversations
) -> None:
    peer = new_peer()
    await peer.connect()
    key = wire.event("DTMF", {"DTMF-Digit": "7"})
    await peer.tell(then=wire.reply() + wire.reply() + key)
    assert [await peer.command(answer=False) for _ in range(2)] == ["myevents", "linger"]
    await peer.until("unicast")
    peer.sound()
    listener = await conversations.next()
    await until(lambda: listener.digits == "7")


async def test_a_caller_who_goes_elsewhere_is_not_called_back_by_our_end(
    new_peer: NewPeer, conversations: Conversations
) -> None:
    """`socket_resume` would stop whatever the channel does when our connection ends."""
    peer = new_peer()
    await peer.talk()
    listener = await conversations.next()
    peer.send(wire.event("CHANNEL_UNPARK"))
    assert await peer.command(answer=False) == f"api uuid_setvar {CALL_ID} socket_resume false"
    await peer.closed()
    assert (await listener.end()).by is EndedBy.CALLER


async def test_who_hangs_up_has_gone_nowhere_else_in_whatever_order_that_is_told(
    new_peer: NewPeer, conversations: Conversations
) -> None:
    peer = new_peer()
    await peer.talk()
    listener = await conversations.next()
    told = {"Answer-State": "hangup", "Hangup-Cause": "USER_BUSY"}
    peer.send(wire.event("CHANNEL_UNPARK", told))
    peer.send(wire.event("CHANNEL_HANGUP", told))
    ending = await listener.end()
    assert (ending.by, ending.detail) == (EndedBy.CALLER, "USER_BUSY")
    await peer.close()


async def test_an_agent_who_is_busy_at_once_is_told(
    new_peer: NewPeer, conversations: Conversations
) -> None:
    """What became of the ringing comes with the reply to the command that began it."""
    peer = new_peer()
    await peer.talk({"variable_ivr_endpoint_agent": "error/user_busy"})
    call = (await conversations.next()).call
    asking = asyncio.ensure_future(call.consult("agent", ring_s=9, on_agent=conversations))
    while not (command := await peer.command(answer=False)).startswith("bgapi originate"):
        peer.send(wire.reply())
    job = command.partition("Job-UUID: ")[2]
    peer.send(
        wire.reply(f"+OK Job-UUID: {job}")
        + wire.event("BACKGROUND_JOB", {"Job-UUID": job}, b"-ERR USER_BUSY\n")
    )
    with pytest.raises(AgentUnavailable) as busy:
        await (await asking).answered()
    assert busy.value.cause == "user_busy"


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
    assert (await peer.command()).endswith("socket_resume false")
    assert "agent XML ivr_transfer" in await peer.until("execute-app-name: transfer")
    peer.sound()
    with pytest.raises(TransferFailed):
        await transferring
    assert (await peer.command()).endswith("socket_resume true")
    peer.sound()
    await until(lambda: len(listener.frames) >= 3)
    assert listener.endings == []
