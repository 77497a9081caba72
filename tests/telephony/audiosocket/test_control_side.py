"""What comes beside the sound: who rings, and where the caller goes. Or does not come."""

from __future__ import annotations

import asyncio
import time
from uuid import UUID

import pytest

from ivr.telephony.audiosocket.call import Limits
from ivr.telephony.call import CallInfo, EndedBy, TransferFailed
from tests.telephony.audiosocket.conftest import ServerMaker, talking
from tests.telephony.audiosocket.far_side import FarSide
from tests.telephony.call_contract import SILENCE, sound
from tests.telephony.waiting import until

CALL = UUID(int=77)


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


async def test_who_rings_is_known_before_the_call_is_handed_over(exchange: ServerMaker) -> None:
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


async def test_a_control_side_that_hangs_costs_no_call(exchange: ServerMaker) -> None:
    control = Control()
    one = await exchange(control=control, limits=Limits(introduction=0.05, farewell=0.05))
    far = await talking(one)
    assert one.calls[0].info == CallInfo()
    began = time.monotonic()
    await one.calls[0].hang_up()
    assert time.monotonic() - began < 1
    assert await far.end() == "closed"
    assert one.notes[0].told == [("ended", EndedBy.BOT)]


async def test_a_control_side_that_fails_costs_no_call(exchange: ServerMaker) -> None:
    control = Control()
    control.may_answer.set()
    control.fault = RuntimeError("a mistake of ours")
    one = await exchange(control=control)
    far = await talking(one)
    await one.calls[0].hang_up()
    assert await far.end() == "closed"


async def test_the_verdict_is_told_before_the_line_closes(exchange: ServerMaker) -> None:
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


async def test_a_hang_up_that_is_cancelled_hangs_up(exchange: ServerMaker) -> None:
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


async def test_a_transfer_is_a_verdict_too(exchange: ServerMaker) -> None:
    control = Control()
    control.may_answer.set()
    one = await exchange(control=control)
    far = await talking(one, await FarSide.ring(one.port, CALL))
    await one.calls[0].transfer("agent")
    assert control.verdicts == [(CALL, "agent")]
    assert await far.end() == "closed"


async def test_a_caller_who_goes_while_being_transferred_has_gone(exchange: ServerMaker) -> None:
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


async def test_a_transfer_that_is_not_taken_in_time_has_failed(exchange: ServerMaker) -> None:
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
    exchange: ServerMaker,
) -> None:
    one = await exchange()
    far = await talking(one)
    with pytest.raises(TransferFailed, match="IVR_AMI_SECRET"):
        await one.calls[0].transfer("agent")
    assert one.server.live_calls == 1
    await far.close()


async def test_who_hangs_up_before_being_introduced_is_forgotten(exchange: ServerMaker) -> None:
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


async def test_no_audio_tells_the_dialplan_to_hang_up(exchange: ServerMaker) -> None:
    control = Control()
    control.may_answer.set()
    one = await exchange(control=control, limits=Limits(no_audio=1))
    far = await talking(one, await FarSide.ring(one.port, CALL))
    one.clock.step(50)
    assert await far.end() == "closed"
    assert control.verdicts == [(CALL, "hangup")]


class Agents:
    """Why calls ended, for whoever waits."""

    def __init__(self, cause: str) -> None:
        self.told = cause
        self.asked: list[UUID] = []

    async def cause(self, call_id: UUID, within: float) -> str:
        self.asked.append(call_id)
        return self.told


@pytest.mark.parametrize(("cause", "by"), [("normal_clearing", EndedBy.CALLER), ("", EndedBy.LINE)])
async def test_a_hang_up_that_looks_like_a_broken_connection(
    exchange: ServerMaker, cause: str, by: EndedBy
) -> None:
    agents = Agents(cause)
    one = await exchange(agents=agents)
    far = await talking(one, await FarSide.ring(one.port, CALL))
    far.reset()
    await one.notes[0].until(1, "ended")
    assert one.notes[0].told == [("ended", by)]
    assert agents.asked == [CALL]
    ending = one.calls[0].ending
    assert ending is not None
    assert ending.cause == cause
