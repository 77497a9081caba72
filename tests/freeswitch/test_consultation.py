"""Attended transfer on a real FreeSWITCH."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest

from ivr.phone.sip import SipPhone
from ivr.phone.sip_callee import SipCallee
from ivr.telephony.freeswitch.client import EslClient
from ivr.telephony.freeswitch.server import FreeSwitchServer
from tests.freeswitch.conftest import Ring
from tests.freeswitch.switch import FreeSwitch
from tests.telephony.consultation_contract import ConsultationContract, Desk

pytestmark = pytest.mark.freeswitch


class FreeSwitchDesk(Desk):
    number = "7004"

    def __init__(self, agent: SipCallee, ops: EslClient, ring: Ring) -> None:
        super().__init__(agent, ring)
        self._ops = ops
        self._servers = [FreeSwitchServer("127.0.0.1", 0, self.conversations) for _ in range(2)]

    async def start(self) -> None:
        for number, server in enumerate(self._servers, 1):
            await server.start()
            await self._ops.api(f"global_setvar ivr_worker_{number}=127.0.0.1:{server.port}")
        agent = f"sofia/external/agent@{self.agent.address}"
        await self._ops.api(f"global_setvar ivr_agent={agent}")

    async def stop(self) -> None:
        await self._ops.api("global_setvar ivr_agent=loopback/agent/ivr_agent_demo")
        for server in self._servers:
            await server.stop()

    async def worker_dies(self) -> None:
        live = next(each for each in self._servers if each.live_calls)
        await live.stop()

    async def nothing_left(self) -> None:
        async with asyncio.timeout(5):
            while await self._channels() or any(each.live_calls for each in self._servers):
                await asyncio.sleep(0.05)

    async def _channels(self) -> int:
        found = re.search(r"(\d+) total", await self._ops.api("show channels count"))
        assert found is not None
        return int(found[1])


@pytest.fixture
async def desk(ops: EslClient, ring: Ring) -> AsyncIterator[Desk]:
    agent = SipCallee()
    await agent.open()
    made = FreeSwitchDesk(agent, ops, ring)
    await made.start()
    yield made
    await made.hang_up()
    await made.stop()
    await made.nothing_left()


class TestFreeSwitch(ConsultationContract):
    pass


async def test_what_the_trunk_says_of_the_call_is_known(desk: Desk, freeswitch: FreeSwitch) -> None:
    phone = SipPhone(
        f"sip:7003@127.0.0.1:{freeswitch.sip_port}",
        number="+914012345678",
        headers=(("X-Account", "44 71"), ("Subject", "not the trunk's")),
    )
    await phone.ring(10)
    line = await desk.conversations.next()
    assert (line.call.info.caller, line.call.info.called) == ("+914012345678", "7003")
    assert line.call.info.variables["x-account"] == "44 71"
    await phone.hang_up()
    assert (await line.end()).cause == "normal_clearing"
