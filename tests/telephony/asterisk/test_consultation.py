"""Attended transfer on a real Asterisk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from ivr.phone.sip import SipPhone
from ivr.phone.sip_callee import SipCallee
from ivr.telephony.audiosocket.ami import AmiControl
from ivr.telephony.audiosocket.ami_agents import AmiAgents
from ivr.telephony.audiosocket.server import AudioSocketServer
from ivr.telephony.call import EndedBy
from tests.telephony.asterisk.fixtures import Ring
from tests.telephony.asterisk.switch import AsteriskSwitch
from tests.telephony.consultation_contract import ConsultationContract, Desk

pytestmark = pytest.mark.asterisk


class AsteriskDesk(Desk):
    number = "2"

    def __init__(
        self, agent: SipCallee, switch: AsteriskSwitch, ring: Ring, ami: AmiControl
    ) -> None:
        super().__init__(agent, ring)
        self._switch = switch
        agents = AmiAgents(ami)
        self._servers = [
            AudioSocketServer("127.0.0.1", 0, self.conversations, control=ami, agents=agents)
            for _ in range(2)
        ]

    async def start(self) -> None:
        for server in self._servers:
            await server.start()
        self._switch.use_workers(*(server.port for server in self._servers))
        self._switch.set_global("IVR_AGENT", f"PJSIP/trunk/sip:agent@{self.agent.address}")

    async def stop(self) -> None:
        for server in self._servers:
            await server.stop()
        self._switch.set_global("IVR_AGENT", "Local/agent@ivr-agent-demo/n")

    async def worker_dies(self) -> None:
        await self._servers[0].stop()

    async def nothing_left(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                while self._switch.channels() or self._live_calls():
                    await asyncio.sleep(0.05)
        left = self._switch.cli("core show channels verbose")
        assert not self._switch.channels(), left
        assert not self._live_calls(), left

    def _live_calls(self) -> int:
        return sum(server.live_calls for server in self._servers)


@pytest.fixture
async def desk(asterisk: AsteriskSwitch, ring: Ring, ami: AmiControl) -> AsyncIterator[Desk]:
    agent = SipCallee()
    await agent.open()
    made = AsteriskDesk(agent, asterisk, ring, ami)
    await made.start()
    yield made
    await made.hang_up()
    await made.stop()
    # A channel that stays would be found by a later test, and held against it.
    await made.nothing_left()


class TestAsterisk(ConsultationContract):
    pass


async def test_why_the_caller_has_gone(desk: Desk) -> None:
    phone = await desk.ring()
    line = await desk.conversations.next()
    await phone.hang_up()
    ending = await line.end()
    assert (ending.by, ending.cause) == (EndedBy.CALLER, "normal_clearing")


async def test_what_the_trunk_says_of_the_call_is_known(
    desk: Desk, asterisk: AsteriskSwitch
) -> None:
    forged = "4711%0D%0ACaller: +1555&x-role=admin"
    phone = SipPhone(
        asterisk.sip_target(),
        number="+914012345678",
        headers=(("X-Account", "44 71"), ("X-Note", forged), ("Subject", "not the trunk's")),
    )
    await phone.ring(10)
    await phone.press("1")
    line = await desk.conversations.next()
    info = line.call.info
    assert (info.caller, info.called, info.language) == ("+914012345678", "100", "en")
    assert info.variables["x-account"] == "44 71"
    assert info.variables["x-note"] == forged
    assert set(info.variables) == {"caller_name", "try", "x-account", "x-note"}
    await phone.hang_up()
