"""The control side on a real Asterisk: wrong secrets, freezes, restarts, and the bare dialogue."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from ivr.telephony.audiosocket.ami import AmiControl, AmiTimes
from ivr.telephony.call import TransferFailed
from tests.telephony.asterisk.fixtures import Ring
from tests.telephony.asterisk.scripted_worker import ScriptedWorker
from tests.telephony.asterisk.switch import AsteriskSwitch

pytestmark = pytest.mark.asterisk

QUICK = AmiTimes(ping_every=0.1, ping=0.3, retry=0.1, retry_refused=0.5)


@pytest.fixture
def own_asterisk(unpacked_asterisk: Path) -> Iterator[AsteriskSwitch]:
    """A switch that the test may freeze and kill."""
    switch = AsteriskSwitch(unpacked_asterisk)
    switch.start()
    yield switch
    switch.stop()


async def until(condition: Callable[[], bool], within: float = 10.0) -> None:
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.01)


def control_of(switch: AsteriskSwitch, secret: str | None = None) -> AmiControl:
    return AmiControl(
        "127.0.0.1",
        switch.ami_port,
        switch.ami_user,
        secret if secret is not None else switch.ami_secret,
        times=QUICK,
    )


async def test_without_a_generated_secret_nobody_gets_in(own_asterisk: AsteriskSwitch) -> None:
    (own_asterisk.home / "etc" / "local" / "manager.conf").write_text(
        f"[general](+)\nport = {own_asterisk.ami_port}\n"
    )
    own_asterisk.cli("manager reload")
    with structlog.testing.capture_logs() as logs:
        ami = control_of(own_asterisk)
        await ami.start()
        await until(lambda: any(entry["event"] == "ami_away" for entry in logs))
        assert not ami.connected
        await ami.close()
    assert any("refuses the manager user" in str(entry.get("reason")) for entry in logs)


async def test_a_wrong_secret_is_named(asterisk: AsteriskSwitch) -> None:
    with structlog.testing.capture_logs() as logs:
        ami = control_of(asterisk, "wrong")
        await ami.start()
        await until(lambda: any(entry["event"] == "ami_away" for entry in logs))
        await ami.close()
    assert "IVR_AMI_SECRET" in str(logs)
    assert "wrong" not in str(logs)


async def test_a_frozen_asterisk_is_noticed_and_found_again(own_asterisk: AsteriskSwitch) -> None:
    ami = control_of(own_asterisk)
    await ami.start()
    assert await ami.wait_connected(5)
    os.kill(own_asterisk.pid, signal.SIGSTOP)
    try:
        await until(lambda: not ami.connected, 2)
    finally:
        os.kill(own_asterisk.pid, signal.SIGCONT)
    assert await ami.wait_connected(10)
    await ami.close()


async def test_a_restarted_asterisk_is_found_again(own_asterisk: AsteriskSwitch) -> None:
    ami = control_of(own_asterisk)
    await ami.start()
    assert await ami.wait_connected(5)
    own_asterisk.cli("core restart now")
    await until(lambda: not ami.connected)
    assert await ami.wait_connected(10)
    await ami.close()


async def test_a_call_that_has_gone_cannot_be_sent_anywhere(
    asterisk: AsteriskSwitch, worker: ScriptedWorker, ring: Ring, ami: AmiControl
) -> None:
    asterisk.use_workers(worker.port)
    phone = await ring()
    call = await worker.next_call()
    assert await ami.info(call.uuid) is not None
    await phone.hang_up()
    await call.ended.wait()
    await until(lambda: asterisk.channels() == 0)
    with pytest.raises(TransferFailed, match="No such channel"):
        await ami.set_next(call.uuid, "hangup")


async def test_a_worker_that_started_after_the_call_learns_who_rings(
    asterisk: AsteriskSwitch,
    worker: ScriptedWorker,
    other_worker: ScriptedWorker,
    ring: Ring,
) -> None:
    asterisk.use_workers(worker.port, other_worker.port)
    await ring("2")
    first = await worker.next_call()
    late = control_of(asterisk)
    await late.start()
    assert await late.wait_connected(5)
    assert await late.info(first.uuid) is None
    first.die()
    second = await other_worker.next_call()
    info = await late.info(second.uuid)
    await late.close()
    assert info is not None
    assert info.language == "hi"
