"""`ivrctl calls` on a real Asterisk: who is on the line, and a hand on it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.sip.ivrctl import ivrctl_calls
from tests.telephony.asterisk.fixtures import Ring
from tests.telephony.asterisk.scripted_worker import ScriptedWorker
from tests.telephony.asterisk.switch import AsteriskSwitch
from tests.tones import PROMPT_HZ, heard

pytestmark = pytest.mark.asterisk


async def ivrctl(switch: AsteriskSwitch, *arguments: str) -> tuple[int, Any, str]:
    environment = {
        "IVR_AMI_PORT": str(switch.ami_port),
        "IVR_AMI_USER": switch.ami_user,
        "IVR_AMI_SECRET": switch.ami_secret,
    }
    return await ivrctl_calls(environment, *arguments)


async def test_live_calls_are_listed_and_one_is_hung_up(
    asterisk: AsteriskSwitch, worker: ScriptedWorker, ring: Ring
) -> None:
    asterisk.use_workers(worker.port)
    first = await ring("1", number="+911")
    one = await worker.next_call()
    second = await ring("2", number="+912")
    two = await worker.next_call()
    _, rows, _ = await ivrctl(asterisk, "list", "--live")
    told = {row["id"]: (row["caller"], row["called"], row["language"]) for row in rows}
    assert told == {str(one.uuid): ("+911", "100", "en"), str(two.uuid): ("+912", "100", "hi")}
    status, rows, _ = await ivrctl(asterisk, "hangup", str(one.uuid)[:13])
    assert (status, rows[0]["id"]) == (0, str(one.uuid))
    async with asyncio.timeout(5):
        await first.ended.wait()
        await one.ended.wait()
    assert not second.ended.is_set()


async def test_a_live_call_is_taken_to_an_agent(
    asterisk: AsteriskSwitch, worker: ScriptedWorker, ring: Ring
) -> None:
    asterisk.use_workers(worker.port)
    phone = await ring("1")
    call = await worker.next_call()
    status, _, _ = await ivrctl(asterisk, "transfer", str(call.uuid), "agent")
    assert status == 0
    async with asyncio.timeout(5):
        await call.ended.wait()
    await heard(phone.handset, PROMPT_HZ["please-hold", "en"])


@pytest.mark.parametrize("destination", ["agent\r\nAction: Originate", "../x", ""])
async def test_no_destination_can_be_more_than_a_name(
    destination: str, asterisk: AsteriskSwitch
) -> None:
    status, _, said = await ivrctl(asterisk, "transfer", "0", destination or "A B")
    assert status == 2
    assert "is no destination" in said


async def test_a_call_that_is_not_there_is_named(asterisk: AsteriskSwitch) -> None:
    status, _, said = await ivrctl(asterisk, "hangup", "beef")
    assert status == 2
    assert said == "ivrctl: 'beef' is no live call. See `ivrctl calls list --live`.\n"
