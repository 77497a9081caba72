from __future__ import annotations

from uuid import UUID

import pytest

from ivr.audio.format import TELEPHONE, Audio
from ivr.telephony.call import Call, CallInfo, EndedBy
from ivr.telephony.loopback import LoopbackCall, SteppedClock
from ivr.telephony.media_clock import MediaClock
from tests.telephony.call_contract import CallContract, Line, Notes, sound


class LoopbackLine(Line):
    def __init__(self) -> None:
        super().__init__()
        self.clock = SteppedClock()
        self.loopback = LoopbackCall(self.clock)
        self.loopback.ring(lambda call: call.attach(self.notes))

    @property
    def call(self) -> Call:
        return self.loopback

    async def step(self, frames: int) -> list[bytes]:
        before = len(self.loopback.heard)
        self.clock.step(frames)
        return self.loopback.heard[before:]

    def say(self, frame: bytes) -> None:
        self.loopback.caller_frame(frame)

    def key(self, digit: str) -> None:
        self.loopback.caller_digit(digit)

    async def caller_hangs_up(self) -> None:
        self.loopback.caller_hangs_up()

    async def line_breaks(self) -> None:
        self.loopback.line_breaks()

    def is_released(self) -> bool:
        return self.clock.subscribers == 0


class TestLoopback(CallContract):
    @pytest.fixture
    def line(self) -> Line:
        return LoopbackLine()


async def test_the_far_side_knows_where_the_caller_went() -> None:
    clock = SteppedClock()
    verdicts = []
    for way in ("hang_up", "agent", "drop"):
        call = LoopbackCall(clock, destinations=["agent"])
        call.ring(lambda call: call.attach(Notes()))
        if way == "hang_up":
            await call.hang_up()
        elif way == "drop":
            call.drop()
        else:
            await call.transfer(way)
        verdicts.append(call.verdict)
    assert verdicts == ["hangup", "agent", ""]


def test_what_was_said_before_anybody_listened_is_delivered_in_order() -> None:
    call = LoopbackCall(SteppedClock(), call_id=UUID(int=5), info=CallInfo(caller="+4930"))
    assert (call.id, call.info.caller, call.format) == (UUID(int=5), "+4930", TELEPHONE)
    call.caller_frame(sound(1))
    call.caller_digit("2")
    notes = Notes()
    call.attach(notes)
    call.caller_frame(sound(1, 50))
    assert notes.told == [("audio", sound(1)), ("digit", "2"), ("audio", sound(1, 50))]


def test_only_the_latest_two_seconds_wait_for_a_listener() -> None:
    call = LoopbackCall(SteppedClock())
    for number in range(1000):
        call.caller_frame(sound(1, number))
    notes = Notes()
    call.attach(notes)
    assert notes.of("audio") == [sound(1, number) for number in range(900, 1000)]


def test_pieces_of_any_length_come_as_frames() -> None:
    call = LoopbackCall(SteppedClock())
    notes = Notes()
    call.attach(notes)
    whole = sound(7.5)
    for start in range(0, len(whole), 250):
        call.caller_frame(whole[start : start + 250])
    assert notes.of("audio") == [whole[start : start + 320] for start in range(0, 7 * 320, 320)]
    call.caller_frame(sound(3.5, 9000))
    assert b"".join(call for call in notes.of("audio") if isinstance(call, bytes)) == (
        whole + sound(3.5, 9000)
    )


async def test_on_the_media_clock_time_is_real() -> None:
    clock = MediaClock()
    call = LoopbackCall(clock)
    notes = Notes()
    call.ring(lambda call: call.attach(notes))
    call.play(Audio(sound(3)), mark=1)
    await notes.until(1, "played")
    await call.hang_up()
    assert b"".join(call.heard)[-3 * 320 :] == sound(3)
    assert notes.of("ended") == [EndedBy.BOT]
    assert clock.subscribers == 0
