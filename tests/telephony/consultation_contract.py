"""What every switch's attended transfer keeps, on the real switch: a caller's phone, an agent's
phone, and between them a worker that only does what the test says.

A switch's tests subclass `ConsultationContract` and make a `desk`.
"""

from __future__ import annotations

import abc
import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ivr.phone.sip import SipPhone
from ivr.phone.sip_callee import SipCallee
from ivr.telephony.call import Bridged, Call, EndedBy, TransferFailed
from ivr.telephony.consultation import AgentUnavailable, Consultation
from tests.freeswitch.listener import Conversations, Listener, until
from tests.tones import clearest, heard, tone

MUSIC_HZ, SUMMARY_HZ, BACK_HZ = 1100.0, 1250.0, 1400.0
CALLER_HZ, AGENT_HZ = 1700.0, 2100.0


def rings(pcm: bytes) -> bool:
    """Whether a ringing tone was heard (ITU-T E.180): North America's, 440 and 480 Hz together,
    or India's, 400 Hz modulated by 25."""
    north_america = min(clearest(pcm, hz) for hz in (440.0, 480.0))
    return north_america > 0.3 or clearest(pcm, 400.0) > 0.4


class Desk(abc.ABC):
    """A worker at a switch, and whoever rings it; `dial(number)` rings that switch."""

    number: str
    """Where a caller is taken to the worker."""

    def __init__(self, agent: SipCallee, dial: Callable[[str], Awaitable[SipPhone]]) -> None:
        self.agent = agent
        self._dial = dial
        self._phones: list[SipPhone] = []
        self.conversations = Conversations()
        self.agents: list[Listener] = []

    async def ring(self) -> SipPhone:
        """A caller's phone, answered by the worker."""
        phone = await self._dial(self.number)
        self._phones.append(phone)
        return phone

    async def hang_up(self) -> None:
        """Everybody hangs up."""
        await self.agent.hang_up()
        for phone in self._phones:
            await phone.hang_up()

    @abc.abstractmethod
    async def worker_dies(self) -> None:
        """The worker's process ends, and another takes its calls."""

    @abc.abstractmethod
    async def nothing_left(self) -> None:
        """Wait until neither switch nor worker has anything left."""

    def take_agent(self, leg: Call) -> None:
        """The `on_agent` of a consultation."""
        listener = Listener(leg)
        leg.attach(listener)
        self.agents.append(listener)


class Asked:
    """A caller on the line, and a consultation that has begun."""

    def __init__(
        self, desk: Desk, phone: SipPhone, line: Listener, consultation: Consultation
    ) -> None:
        self.desk = desk
        self.agent = desk.agent
        self.phone = phone
        self.line = line
        self.consultation = consultation

    @property
    def leg(self) -> Listener:
        """The agent's leg."""
        return self.desk.agents[0]

    async def picked_up(self) -> None:
        """The agent picks up."""
        await self.agent.rings()
        answered, _ = await asyncio.gather(self.consultation.answered(), self.agent.answer())
        assert answered is self.leg.call

    async def bridged(self, *, returns: bool) -> None:
        """The agent takes the caller, and both are heard."""
        await self.picked_up()
        self.leg.call.play(tone(SUMMARY_HZ, 300), mark=1)
        await heard(self.agent.handset, SUMMARY_HZ)
        await self.agent.press("1")
        await until(lambda: self.leg.digits == "1")
        await self.consultation.bridge(returns=returns)
        assert (await self.line.end()).by is EndedBy.BOT
        for speaking, hearing, hz in (
            (self.agent, self.phone, AGENT_HZ),
            (self.phone, self.agent, CALLER_HZ),
        ):
            speaking.handset.speak(tone(hz, 1000))
            await heard(hearing.handset, hz)

    async def caller_is_still_ours(self) -> None:
        """The worker and the caller hear each other on the line they had."""
        assert self.line.endings == []
        assert len(self.desk.conversations.all) == 1
        self.line.call.clear()
        self.line.call.play(tone(BACK_HZ, 600), mark=9)
        await heard(self.phone.handset, BACK_HZ)
        await self.phone.speak(tone(CALLER_HZ, 400))
        await until(lambda: clearest(b"".join(self.line.frames), CALLER_HZ) > 0.8)


async def ask(desk: Desk, *, ring_s: float = 20.0) -> Asked:
    """Ring in, and have an agent asked."""
    phone = await desk.ring()
    line = await desk.conversations.next()
    line.call.play(tone(MUSIC_HZ, 20000), mark=1)
    consultation = await line.call.consult("agent", ring_s=ring_s, on_agent=desk.take_agent)
    return Asked(desk, phone, line, consultation)


class ConsultationContract:
    """The tests; a subclass adds the fixture `desk`."""

    async def test_the_agent_is_spoken_to_while_the_caller_hears_music(self, desk: Desk) -> None:
        asked = await ask(desk)
        await asked.picked_up()
        leg = asked.leg
        assert leg.call.id != asked.line.call.id
        leg.call.play(tone(SUMMARY_HZ, 600), mark=1)
        await heard(asked.agent.handset, SUMMARY_HZ)
        await until(lambda: leg.marks == [1])
        await heard(asked.phone.handset, MUSIC_HZ)
        await asked.agent.press("1")
        await until(lambda: leg.digits == "1")
        assert clearest(asked.agent.handset.record()[1].pcm, MUSIC_HZ) < 0.1
        assert clearest(asked.phone.handset.record()[1].pcm, SUMMARY_HZ) < 0.1
        await asked.consultation.close()

    async def test_the_agent_sees_who_rings(self, desk: Desk) -> None:
        asked = await ask(desk)
        await asked.agent.rings()
        assert "914012345678" in asked.agent.caller
        await asked.consultation.close()

    async def test_accepted(self, desk: Desk) -> None:
        asked = await ask(desk)
        await asked.bridged(returns=True)
        assert len(desk.conversations.all) == 1
        assert clearest(asked.agent.handset.record()[1].pcm, MUSIC_HZ) < 0.1

    async def test_declined(self, desk: Desk) -> None:
        asked = await ask(desk)
        await asked.picked_up()
        await asked.agent.press("2")
        await until(lambda: asked.leg.digits == "2")
        await asked.consultation.close()
        await asyncio.wait_for(asked.agent.ended.wait(), 5)
        await asked.caller_is_still_ours()

    async def test_unanswered(self, desk: Desk) -> None:
        asked = await ask(desk, ring_s=1.0)
        await asked.agent.rings()
        with pytest.raises(AgentUnavailable) as nobody:
            await asyncio.wait_for(asked.consultation.answered(), 5)
        assert nobody.value.cause == "no_answer"
        await asyncio.wait_for(asked.agent.ended.wait(), 5)
        await asked.caller_is_still_ours()
        await asked.consultation.close()
        assert desk.agents == []

    async def test_busy(self, desk: Desk) -> None:
        asked = await ask(desk)
        await asked.agent.rings()
        asked.agent.decline(486, "Busy Here")
        with pytest.raises(AgentUnavailable) as nobody:
            await asyncio.wait_for(asked.consultation.answered(), 5)
        assert nobody.value.cause == "user_busy"
        await asked.caller_is_still_ours()

    async def test_the_bot_no_longer_wants_the_agent_who_rings(self, desk: Desk) -> None:
        asked = await ask(desk)
        await asked.agent.rings()
        await asked.consultation.close()
        with pytest.raises(AgentUnavailable):
            await asyncio.wait_for(asked.consultation.answered(), 5)
        await asyncio.wait_for(asked.agent.ended.wait(), 5)
        await asked.caller_is_still_ours()

    async def test_the_agent_hangs_up_before_accepting(self, desk: Desk) -> None:
        asked = await ask(desk)
        await asked.picked_up()
        await asked.agent.hang_up()
        assert (await asked.leg.end()).by is EndedBy.CALLER
        with pytest.raises(TransferFailed):
            await asked.consultation.bridge(returns=True)
        await asked.caller_is_still_ours()
        await asked.consultation.close()

    @pytest.mark.parametrize("when", ["it rings", "the agent listens"])
    async def test_the_caller_hangs_up_before_the_agent_decides(
        self, desk: Desk, when: str
    ) -> None:
        asked = await ask(desk)
        if when == "it rings":
            await asked.agent.rings()
        else:
            await asked.picked_up()
        await asked.phone.hang_up()
        ending = await asked.line.end()
        assert (ending.by, ending.cause) == (EndedBy.CALLER, "normal_clearing")
        with pytest.raises(TransferFailed):
            await asked.consultation.bridge(returns=True)
        await asked.consultation.close()
        await asyncio.wait_for(asked.agent.ended.wait(), 5)
        await desk.nothing_left()

    async def test_the_agent_hangs_up_after_accepting_and_the_caller_comes_back(
        self, desk: Desk
    ) -> None:
        asked = await ask(desk)
        await asked.bridged(returns=True)
        await asked.agent.hang_up()
        back = await desk.conversations.next(2)
        assert back.call.id == asked.line.call.id
        assert back.call.info.bridged is Bridged.TALKED
        assert back.call.info.language == asked.line.call.info.language
        back.call.play(tone(BACK_HZ, 600), mark=1)
        await heard(asked.phone.handset, BACK_HZ)
        await asked.phone.press("5")
        await until(lambda: back.digits == "5")
        assert len(desk.conversations.all) == 2

    async def test_a_second_agent_can_be_asked_by_whoever_came_back(self, desk: Desk) -> None:
        asked = await ask(desk)
        await asked.bridged(returns=True)
        await asked.agent.hang_up()
        back = await desk.conversations.next(2)
        again = await back.call.consult("agent", ring_s=1.0, on_agent=desk.take_agent)
        with pytest.raises(AgentUnavailable):  # their phone has gone
            await asyncio.wait_for(again.answered(), 10)
        back.call.play(tone(BACK_HZ, 600), mark=1)
        await heard(asked.phone.handset, BACK_HZ)
        await back.call.hang_up()
        await asyncio.wait_for(asked.phone.ended.wait(), 5)
        await desk.nothing_left()

    async def test_the_agent_hangs_up_after_accepting_and_the_call_is_over(
        self, desk: Desk
    ) -> None:
        asked = await ask(desk)
        await asked.bridged(returns=False)
        await asked.agent.hang_up()
        await asyncio.wait_for(asked.phone.ended.wait(), 5)
        await desk.nothing_left()
        assert len(desk.conversations.all) == 1

    @pytest.mark.parametrize("returns", [True, False])
    async def test_the_caller_hangs_up_after_the_agent_accepted(
        self, desk: Desk, returns: bool
    ) -> None:
        asked = await ask(desk)
        await asked.bridged(returns=returns)
        await asked.phone.hang_up()
        await asyncio.wait_for(asked.agent.ended.wait(), 5)
        await desk.nothing_left()
        assert len(desk.conversations.all) == 1

    async def test_a_worker_that_dies_takes_the_agent_along_and_not_the_caller(
        self, desk: Desk
    ) -> None:
        asked = await ask(desk)
        await asked.picked_up()
        await desk.worker_dies()
        await asyncio.wait_for(asked.agent.ended.wait(), 5)
        back = await desk.conversations.next(2)
        assert back.call.id == asked.line.call.id
        assert back.call.info.bridged is None

    async def test_who_is_sent_to_an_agent_hears_it_ring(self, desk: Desk) -> None:
        phone = await desk.ring()
        line = await desk.conversations.next()
        await line.call.transfer("agent")
        await desk.agent.rings()
        async with asyncio.timeout(10):
            while not rings(phone.handset.record()[1].pcm):
                await asyncio.sleep(0.05)
        await desk.agent.answer()
        desk.agent.handset.speak(tone(AGENT_HZ, 1000))
        await heard(phone.handset, AGENT_HZ)

    async def test_nobody_is_rung_whom_the_dialplan_does_not_name(self, desk: Desk) -> None:
        phone = await desk.ring()
        line = await desk.conversations.next()
        for name in ("nobody", "agent@ivr-agent", "PJSIP/1", "${X}", "a\nb", ""):
            with pytest.raises(TransferFailed):
                await line.call.consult(name, ring_s=5.0, on_agent=desk.take_agent)
        line.call.play(tone(BACK_HZ, 600), mark=1)
        await heard(phone.handset, BACK_HZ)
        assert not desk.agent.is_rung
