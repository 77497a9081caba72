"""What comes over a line is not to be trusted: each connection ends cleanly and alone."""

from __future__ import annotations

import asyncio
import time
from uuid import UUID, uuid4

import pytest

from ivr.audio.format import Audio
from ivr.errors import IvrError
from ivr.telephony.audiosocket import connection
from ivr.telephony.audiosocket.call import Limits
from ivr.telephony.audiosocket.connection import UNSENT_FRAMES
from ivr.telephony.audiosocket.server import AudioSocketServer
from ivr.telephony.call import Call, CallInfo, EndedBy, TransferFailed
from ivr.telephony.loopback import SteppedClock
from tests.telephony.audiosocket.conftest import Exchange, ServerMaker
from tests.telephony.audiosocket.far_side import FarSide
from tests.telephony.call_contract import FRAME, SILENCE, Notes, sound
from tests.telephony.waiting import until

CALL = UUID(int=77)
MINUTE = 3000
"""Frames."""


class Control:
    """The control side of a switch, as slow, deaf or wrong as a test wants it."""

    def __init__(self) -> None:
        self.known: CallInfo | None = None
        self.may_answer = asyncio.Event()
        self.verdicts: list[tuple[UUID, str]] = []
        self.forgotten: list[UUID] = []
        self.fault: Exception | None = None

    async def info(self, call_id: UUID) -> CallInfo | None:
        await self.may_answer.wait()
        if self.fault:
            raise self.fault
        return self.known

    async def set_next(self, call_id: UUID, verdict: str) -> None:
        await self.may_answer.wait()
        if self.fault:
            raise self.fault
        self.verdicts.append((call_id, verdict))

    def forget(self, call_id: UUID) -> None:
        self.forgotten.append(call_id)


async def talking(exchange: Exchange, far: FarSide | None = None) -> FarSide:
    """Ring, and wait until the call was handed over."""
    count = len(exchange.calls)
    far = far or await FarSide.ring(exchange.port)
    await until(lambda: len(exchange.calls) > count)
    return far


async def pass_frames(exchange: Exchange, far: FarSide, frames: int) -> None:
    """Let time pass with a far side that reads."""
    for _ in range(frames // 50):
        exchange.clock.step(50)
        if exchange.clock.subscribers == 0:
            return
        await far.frames(50)


class TestBeforeTheCall:
    async def test_without_a_call_id_there_is_no_call(self, exchange: ServerMaker) -> None:
        one = await exchange(limits=Limits(id=0.05))
        far = await FarSide.connect(one.port)
        assert await far.end() == "reset"
        assert one.strays == ["no call id within 0.05 s"]
        assert one.calls == []

    async def test_half_a_call_id_is_none(self, exchange: ServerMaker) -> None:
        one = await exchange(limits=Limits(id=0.05))
        far = await FarSide.connect(one.port)
        far.send(b"\x01\x00\x10half")
        assert await far.end() == "reset"
        assert one.calls == []

    async def test_the_deadline_ends_with_the_call_id(self, exchange: ServerMaker) -> None:
        one = await exchange(limits=Limits(id=0.2))
        far = await talking(one)
        await asyncio.sleep(0.3)
        one.clock.step()
        assert await far.frames(1) == [SILENCE]
        assert one.strays == []
        await far.close()

    @pytest.mark.parametrize(
        "garbage", [b"GET / HTTP/1.1\r\n\r\n", b"\x10\x01\x40" + SILENCE, b"\x00\x00\x00"]
    )
    async def test_garbage_is_refused(self, exchange: ServerMaker, garbage: bytes) -> None:
        one = await exchange()
        far = await FarSide.connect(one.port)
        far.send(garbage)
        assert await far.end() == "reset"
        assert len(one.strays) == 1
        assert one.strays[0].startswith("not AudioSocket")
        assert one.calls == []

    async def test_who_closes_at_once_was_no_call(self, exchange: ServerMaker) -> None:
        one = await exchange()
        await (await FarSide.connect(one.port)).close()
        await until(lambda: len(one.strays) == 1)
        assert one.calls == []

    async def test_one_too_many_is_refused_and_the_others_go_on(
        self, exchange: ServerMaker
    ) -> None:
        one = await exchange(max_calls=2)
        first, second = await talking(one), await talking(one)
        third = await FarSide.ring(one.port)
        assert await third.end() == "reset"
        assert one.strays == ["2 calls already"]
        one.clock.step()
        assert await first.frames(1) == await second.frames(1) == [SILENCE]
        await first.close()
        await until(lambda: one.server.live_calls == 1)
        await (await talking(one)).close()
        await second.close()

    async def test_two_that_came_for_one_place_get_one(self, exchange: ServerMaker) -> None:
        one = await exchange(max_calls=1)
        waiting = [await FarSide.connect(one.port) for _ in range(2)]
        await until(lambda: len(one.server._connections) == 2)
        for far in waiting:
            far.send(far.codec.send_id(uuid4()))
        await until(lambda: len(one.strays) == 1)
        assert one.server.live_calls == 1
        for far in waiting:
            await far.close()


class TestTheLine:
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
    async def test_garbage_ends_its_own_call_alone(
        self, exchange: ServerMaker, garbage: bytes
    ) -> None:
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

    async def test_a_torn_frame_is_no_good_bye(self, exchange: ServerMaker) -> None:
        one = await exchange()
        far = await talking(one)
        far.send(far.codec.send_audio(sound(1))[:-5])
        far.send_end()
        await one.notes[0].until(1, "ended")
        assert one.notes[0].told == [("ended", EndedBy.LINE)]
        await far.close()

    async def test_the_switch_may_say_good_bye_or_report_an_error(
        self, exchange: ServerMaker
    ) -> None:
        one = await exchange()
        polite, failed = await talking(one), await talking(one)
        polite.send(polite.codec.send_hang_up() + b"and more")
        failed.send(failed.codec.send_error(4))
        assert await polite.end() == await failed.end() == "closed"
        assert one.notes[0].told == [("ended", EndedBy.CALLER)]
        assert one.notes[1].told == [("ended", EndedBy.LINE)]

    async def test_bytes_that_come_one_by_one_are_a_call_too(self, exchange: ServerMaker) -> None:
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
    async def test_frames_of_another_length_come_as_ours(
        self, exchange: ServerMaker, size: int
    ) -> None:
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

    async def test_another_rate_is_refused_by_name(self, exchange: ServerMaker) -> None:
        one = await exchange()
        far = await talking(one)
        far.send(far.codec.send_audio(bytes(640), 16000))
        await one.notes[0].until(1, "ended")
        ending = one.calls[0].ending  # type: ignore[attr-defined]
        assert ending.by is EndedBy.LINE
        assert "16000 Hz" in ending.detail
        assert await far.end() == "reset"

    async def test_no_byte_for_a_minute_is_the_end(self, exchange: ServerMaker) -> None:
        one = await exchange()
        far = await talking(one)
        await pass_frames(one, far, MINUTE - 50)
        assert one.notes[0].told == []
        await pass_frames(one, far, 50)
        await one.notes[0].until(1, "ended")
        assert one.notes[0].told == [("ended", EndedBy.LINE)]
        assert await far.end() == "closed"

    async def test_digital_silence_for_minutes_is_no_fault(self, exchange: ServerMaker) -> None:
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

    async def test_what_the_caller_side_does_never_reaches_the_downlink(
        self, exchange: ServerMaker
    ) -> None:
        one = await exchange()
        far = await talking(one)
        one.calls[0].play(Audio(sound(40)), mark=1)
        far.send(far.codec.send_audio(SILENCE) * 30)
        await one.notes[0].until(30, "audio")
        far.events.clear()
        one.clock.step(40)
        assert b"".join(await far.frames(40)) == sound(40)
        await far.close()

    async def test_sound_much_faster_than_it_sounds_is_no_telephone(
        self, exchange: ServerMaker
    ) -> None:
        one = await exchange(limits=Limits(ahead=1.0))
        far = await talking(one)
        far.send(far.codec.send_audio(SILENCE) * 51)
        await one.notes[0].until(1, "ended")
        assert len(one.notes[0].of("audio")) == 50
        assert one.notes[0].of("ended") == [EndedBy.LINE]
        assert await far.end() == "reset"

    async def test_a_far_side_that_does_not_read_costs_no_memory_and_then_its_call(
        self, exchange: ServerMaker
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

    async def test_a_far_side_that_reads_again_is_heard_by_again(
        self, exchange: ServerMaker
    ) -> None:
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
        self, exchange: ServerMaker
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


class TestTheControlSide:
    async def test_who_rings_is_known_before_the_call_is_handed_over(
        self, exchange: ServerMaker
    ) -> None:
        control = Control()
        control.known = CallInfo(caller="+491234", language="hi")
        one = await exchange(control=control)
        far = await FarSide.ring(one.port, CALL)
        far.send(far.codec.send_audio(sound(1)) + far.codec.send_digit("4"))
        one.clock.step()
        await until(lambda: one.server.live_calls == 1)
        one.clock.step(3)
        assert await far.frames(3) == [SILENCE] * 3
        assert one.calls == []
        control.may_answer.set()
        await until(lambda: bool(one.calls))
        assert one.calls[0].info.caller == "+491234"
        assert one.notes[0].told == [("audio", sound(1)), ("digit", "4")]
        await far.close()
        await one.notes[0].until(1, "ended")
        assert control.forgotten == [CALL]

    async def test_a_control_side_that_hangs_costs_no_call(self, exchange: ServerMaker) -> None:
        control = Control()
        one = await exchange(control=control, limits=Limits(introduction=0.05, farewell=0.05))
        far = await talking(one)
        assert one.calls[0].info == CallInfo()
        began = time.monotonic()
        await one.calls[0].hang_up()
        assert time.monotonic() - began < 1
        assert await far.end() == "closed"
        assert one.notes[0].told == [("ended", EndedBy.BOT)]

    async def test_a_control_side_that_fails_costs_no_call(self, exchange: ServerMaker) -> None:
        control = Control()
        control.may_answer.set()
        control.fault = RuntimeError("a mistake of ours")
        one = await exchange(control=control)
        far = await talking(one)
        await one.calls[0].hang_up()
        assert await far.end() == "closed"

    async def test_the_verdict_is_told_before_the_line_closes(self, exchange: ServerMaker) -> None:
        control = Control()
        control.may_answer.set()
        one = await exchange(control=control)
        far = await talking(one, await FarSide.ring(one.port, CALL))
        control.may_answer.clear()
        leaving = asyncio.create_task(one.calls[0].hang_up())
        await asyncio.sleep(0.02)
        one.clock.step()
        assert await far.frames(1) == [SILENCE]
        assert one.notes[0].told == []
        control.may_answer.set()
        await leaving
        assert control.verdicts == [(CALL, "hangup")]
        assert await far.end() == "closed"

    async def test_a_hang_up_that_is_cancelled_hangs_up(self, exchange: ServerMaker) -> None:
        control = Control()
        control.may_answer.set()
        one = await exchange(control=control)
        far = await talking(one)
        control.may_answer.clear()
        leaving = asyncio.create_task(one.calls[0].hang_up())
        await asyncio.sleep(0)
        leaving.cancel()
        assert await far.end() == "closed"
        assert one.notes[0].told == [("ended", EndedBy.BOT)]

    async def test_a_transfer_is_a_verdict_too(self, exchange: ServerMaker) -> None:
        control = Control()
        control.may_answer.set()
        one = await exchange(control=control)
        far = await talking(one, await FarSide.ring(one.port, CALL))
        await one.calls[0].transfer("agent")
        assert control.verdicts == [(CALL, "agent")]
        assert await far.end() == "closed"

    async def test_a_caller_who_goes_while_being_transferred_has_gone(
        self, exchange: ServerMaker
    ) -> None:
        control = Control()
        control.may_answer.set()
        one = await exchange(control=control)
        far = await talking(one)
        control.may_answer.clear()
        transfer = asyncio.create_task(one.calls[0].transfer("agent"))
        await far.close()
        await one.notes[0].until(1, "ended")
        control.may_answer.set()
        with pytest.raises(TransferFailed):
            await transfer
        assert one.notes[0].told == [("ended", EndedBy.CALLER)]

    async def test_a_transfer_that_is_not_taken_in_time_has_failed(
        self, exchange: ServerMaker
    ) -> None:
        control = Control()
        control.may_answer.set()
        one = await exchange(control=control, limits=Limits(verdict=0.05))
        far = await talking(one)
        control.may_answer.clear()
        with pytest.raises(TransferFailed, match="in time"):
            await one.calls[0].transfer("agent")
        one.clock.step()
        assert await far.frames(1) == [SILENCE]
        control.may_answer.set()
        await one.calls[0].transfer("agent")
        await far.close()

    async def test_without_a_control_side_a_transfer_is_refused_with_a_remedy(
        self, exchange: ServerMaker
    ) -> None:
        one = await exchange()
        far = await talking(one)
        with pytest.raises(TransferFailed, match="IVR_AMI_SECRET"):
            await one.calls[0].transfer("agent")
        assert one.server.live_calls == 1
        await far.close()

    async def test_who_hangs_up_before_being_introduced_is_forgotten(
        self, exchange: ServerMaker
    ) -> None:
        control = Control()
        one = await exchange(control=control)
        far = await FarSide.ring(one.port, CALL)
        await until(lambda: one.server.live_calls == 1)
        await far.close()
        await until(lambda: one.server.live_calls == 0)
        assert control.forgotten == [CALL]
        assert one.strays == ["gone before anybody answered: the switch closed the connection"]
        control.may_answer.set()
        await one.server.stop()
        assert one.calls == []

    async def test_no_audio_tells_the_dialplan_to_hang_up(self, exchange: ServerMaker) -> None:
        control = Control()
        control.may_answer.set()
        one = await exchange(control=control, limits=Limits(no_audio=1))
        far = await talking(one, await FarSide.ring(one.port, CALL))
        one.clock.step(50)
        assert await far.end() == "closed"
        assert control.verdicts == [(CALL, "hangup")]


class TestTheHouse:
    async def test_a_drop_looks_like_a_worker_that_died(self, exchange: ServerMaker) -> None:
        one = await exchange()
        far = await talking(one)
        one.calls[0].drop()
        assert await far.end() == "reset"

    async def test_a_hang_up_says_so(self, exchange: ServerMaker) -> None:
        one = await exchange()
        far = await talking(one)
        one.calls[0].play(Audio(sound(50)), mark=1)
        one.clock.step(2)
        await one.calls[0].hang_up()
        assert await far.end() == "closed"
        assert [type(event).__name__ for event in far.events] == [
            "AudioReceived",
            "AudioReceived",
            "HungUp",
        ]

    async def test_a_far_side_that_goes_on_sending_hears_the_good_bye(
        self, exchange: ServerMaker
    ) -> None:
        one = await exchange()
        far = await talking(one)
        far.send(far.codec.send_audio(sound(1)) * 20)
        leaving = asyncio.create_task(one.calls[0].hang_up())
        for _ in range(20):
            far.send(far.codec.send_audio(sound(1)))
            await asyncio.sleep(0)
        await leaving
        assert await far.end() == "closed"
        assert [type(event).__name__ for event in far.events] == ["HungUp"]
        assert one.notes[0].told[-1] == ("ended", EndedBy.BOT)

    async def test_a_far_side_that_never_closes_is_let_go_of(
        self, exchange: ServerMaker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(connection, "_CLOSE_WITHIN_S", 0.05)
        one = await exchange()
        far = await talking(one)
        await one.calls[0].hang_up()
        await asyncio.wait_for(one.server.wait_closed(), 5)
        await far.close()

    async def test_a_call_that_cannot_be_taken_goes_to_the_next_worker(
        self, exchange: ServerMaker
    ) -> None:
        def fail(call: Call) -> None:
            raise RuntimeError("a mistake of ours")

        one = await exchange(on_call=fail)
        assert await (await FarSide.ring(one.port)).end() == "reset"
        two = await exchange(on_call=lambda call: None)
        assert await (await FarSide.ring(two.port)).end() == "reset"
        assert one.server.live_calls == two.server.live_calls == 0

    async def test_while_draining_new_calls_are_refused_and_live_ones_go_on(
        self, exchange: ServerMaker
    ) -> None:
        one = await exchange()
        far = await talking(one)
        await one.server.pause_accepting()
        assert not one.server.accepting
        with pytest.raises(ConnectionRefusedError):
            await FarSide.connect(one.port)
        one.clock.step(3)
        assert await far.frames(3) == [SILENCE] * 3
        await one.server.start()
        await (await talking(one)).close()
        await far.close()

    async def test_wait_closed_waits_for_the_last_call(self, exchange: ServerMaker) -> None:
        one = await exchange()
        far = await talking(one)
        await one.server.pause_accepting()
        closed = asyncio.create_task(one.server.wait_closed())
        await asyncio.sleep(0.02)
        assert not closed.done()
        await far.close()
        await asyncio.wait_for(closed, 5)

    async def test_stopping_lets_go_of_every_call(self, exchange: ServerMaker) -> None:
        one = await exchange()
        stray = await FarSide.connect(one.port)
        fars = [await talking(one) for _ in range(3)]
        await one.server.stop()
        assert [await far.end() for far in [stray, *fars]] == ["reset"] * 4
        assert [notes.told for notes in one.notes] == [[("ended", EndedBy.BOT)]] * 3
        assert one.clock.subscribers == 0

    async def test_a_port_in_use_is_said_in_one_sentence(self, exchange: ServerMaker) -> None:
        one = await exchange()
        with pytest.raises(IvrError) as refusal:
            await AudioSocketServer(
                "127.0.0.1", one.port, lambda call: call.attach(Notes()), clock=SteppedClock()
            ).start()
        assert str(one.port) in str(refusal.value)
        assert "IVR_AUDIOSOCKET_PORT" in refusal.value.remedy
