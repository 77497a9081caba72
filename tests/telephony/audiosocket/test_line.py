"""What comes over a line is not to be trusted: each bad one ends cleanly and alone."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from ivr.audio.format import Audio
from ivr.telephony.audiosocket.call import Limits
from ivr.telephony.audiosocket.connection import UNSENT_FRAMES
from ivr.telephony.call import EndedBy
from tests.telephony.audiosocket.conftest import ServerMaker, pass_frames, talking
from tests.telephony.audiosocket.far_side import FarSide
from tests.telephony.call_contract import FRAME, SILENCE, sound
from tests.telephony.waiting import until

CALL = UUID(int=77)
MINUTE = 3000
"""Frames."""


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x10\x01\x41" + bytes(321),
        b"\x10\x00\x00",
        b"\x10\xff\xfe",
        b"\x42\x00\x01x",
        b"\x03\x00\x01?",
        b"\x01\x00\x10" + bytes(16),
    ],
)
async def test_garbage_ends_its_own_call_alone(exchange: ServerMaker, garbage: bytes) -> None:
    one = await exchange()
    neighbour = await talking(one)
    far = await talking(one)
    far.send(far.codec.send_audio(sound(1)) + garbage)
    assert await far.end() == "reset"
    assert one.notes[1].told == [("audio", sound(1)), ("ended", EndedBy.LINE)]
    one.clock.step()
    assert await neighbour.frames(1) == [SILENCE]
    assert one.server.live_calls == 1
    await neighbour.close()


async def test_a_torn_frame_is_no_good_bye(exchange: ServerMaker) -> None:
    one = await exchange()
    far = await talking(one)
    far.send(far.codec.send_audio(sound(1))[:-5])
    far.send_end()
    await one.notes[0].until(1, "ended")
    assert one.notes[0].told == [("ended", EndedBy.LINE)]
    await far.close()


async def test_the_switch_may_say_good_bye_or_report_an_error(exchange: ServerMaker) -> None:
    one = await exchange()
    polite, failed = await talking(one), await talking(one)
    polite.send(polite.codec.send_hang_up() + b"and more")
    failed.send(failed.codec.send_error(4))
    assert await polite.end() == await failed.end() == "closed"
    assert one.notes[0].told == [("ended", EndedBy.CALLER)]
    assert one.notes[1].told == [("ended", EndedBy.LINE)]


async def test_bytes_that_come_one_by_one_are_a_call_too(exchange: ServerMaker) -> None:
    one = await exchange()
    far = await FarSide.connect(one.port)
    wire = far.codec.send_id(CALL) + far.codec.send_audio(sound(1)) + far.codec.send_digit("9")
    for byte in wire:
        far.send(bytes((byte,)))
        await asyncio.sleep(0)
    await until(lambda: bool(one.notes) and len(one.notes[0].told) == 2)
    assert one.calls[0].id == CALL
    assert one.notes[0].told == [("audio", sound(1)), ("digit", "9")]
    await far.close()


@pytest.mark.parametrize("size", [2, 160, 480, 3200])
async def test_frames_of_another_length_come_as_ours(exchange: ServerMaker, size: int) -> None:
    one = await exchange()
    far = await talking(one)
    whole = sound(30)
    for start in range(0, len(whole), size):
        far.send(far.codec.send_audio(whole[start : start + size]))
        if start % FRAME == 0:
            one.clock.step()
    await one.notes[0].until(30, "audio")
    assert one.notes[0].of("audio") == [
        whole[start : start + FRAME] for start in range(0, len(whole), FRAME)
    ]
    await far.close()


async def test_another_rate_is_refused_by_name(exchange: ServerMaker) -> None:
    one = await exchange()
    far = await talking(one)
    far.send(far.codec.send_audio(bytes(640), 16000))
    await one.notes[0].until(1, "ended")
    ending = one.calls[0].ending
    assert ending is not None
    assert ending.by is EndedBy.LINE
    assert "16000 Hz" in ending.detail
    assert await far.end() == "reset"


async def test_no_byte_for_a_minute_is_the_end(exchange: ServerMaker) -> None:
    one = await exchange()
    far = await talking(one)
    await pass_frames(one, far, MINUTE - 50)
    assert one.notes[0].told == []
    await pass_frames(one, far, 50)
    await one.notes[0].until(1, "ended")
    assert one.notes[0].told == [("ended", EndedBy.LINE)]
    assert await far.end() == "closed"


async def test_digital_silence_for_minutes_is_no_fault(exchange: ServerMaker) -> None:
    one = await exchange()
    far = await talking(one)
    for _ in range(5 * MINUTE // 50):
        far.send(far.codec.send_audio(SILENCE) * 50)
        one.clock.step(50)
        await far.frames(50)
    await one.notes[0].until(5 * MINUTE, "audio")
    assert one.notes[0].of("ended") == []
    assert one.server.live_calls == 1
    await far.close()


async def test_what_the_caller_side_does_never_reaches_the_downlink(exchange: ServerMaker) -> None:
    one = await exchange()
    far = await talking(one)
    one.calls[0].play(Audio(sound(40)), mark=1)
    far.send(far.codec.send_audio(SILENCE) * 30)
    await one.notes[0].until(30, "audio")
    far.events.clear()
    one.clock.step(40)
    assert b"".join(await far.frames(40)) == sound(40)
    await far.close()


async def test_sound_much_faster_than_it_sounds_is_no_telephone(exchange: ServerMaker) -> None:
    one = await exchange(limits=Limits(ahead=1.0))
    far = await talking(one)
    far.send(far.codec.send_audio(SILENCE) * 51)
    await one.notes[0].until(1, "ended")
    assert len(one.notes[0].of("audio")) == 50
    assert one.notes[0].of("ended") == [EndedBy.LINE]
    assert await far.end() == "reset"


async def test_a_far_side_that_does_not_read_costs_no_memory_and_then_its_call(
    exchange: ServerMaker,
) -> None:
    one = await exchange(limits=Limits(no_audio=3600))
    far = await FarSide.connect(one.port, receive_buffer=4096)
    far.send(far.codec.send_id(CALL))
    await talking(one, far)
    far._reader._transport.pause_reading()  # type: ignore[attr-defined]
    transport = next(iter(one.server._connections))._transport
    assert transport is not None
    most = 0
    for _ in range(3 * MINUTE):
        one.clock.step()
        most = max(most, transport.get_write_buffer_size())
        await asyncio.sleep(0)
        if one.notes[0].of("ended"):
            break
    assert one.notes[0].told == [("ended", EndedBy.LINE)]
    assert most <= (UNSENT_FRAMES + 2) * 323
    await far.close()


async def test_a_far_side_that_reads_again_is_heard_by_again(exchange: ServerMaker) -> None:
    one = await exchange()
    far = await talking(one)
    line = next(iter(one.server._connections))
    line.pause_writing()
    one.calls[0].play(Audio(sound(10)), mark=1)
    one.clock.step(4)
    line.resume_writing()
    one.clock.step(6)
    whole = sound(10)
    assert b"".join(await far.frames(6)) == whole[4 * FRAME :]
    assert one.notes[0].told == [("played", 1)]
    await far.close()


async def test_only_a_far_side_that_reads_nothing_at_all_loses_its_call(
    exchange: ServerMaker,
) -> None:
    one = await exchange(limits=Limits(not_reading=1))
    far = await talking(one)
    line = next(iter(one.server._connections))
    for _ in range(3):
        line.pause_writing()
        one.clock.step(49)
        line.resume_writing()
        one.clock.step(1)
    assert await far.frames(3) == [SILENCE] * 3
    line.pause_writing()
    one.clock.step(50)
    assert one.notes[0].told == [("ended", EndedBy.LINE)]
    await far.close()
