"""As delivered nobody gets into the Event Socket; with the script's secret the operator does."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.ports import free_ports
from ivr.settings import PROJECT
from ivr.telephony.freeswitch.client import EslClient, SwitchUnreachable
from tests.freeswitch.switch import FreeSwitch, binary

SCRIPT = PROJECT / "scripts" / "freeswitch_secret.sh"


@pytest.fixture
def as_delivered(tmp_path: Path) -> Iterator[FreeSwitch]:
    if binary() is None:
        pytest.skip("NO REAL FREESWITCH: IVR_FREESWITCH names no binary")
    sip_port, event_socket_port = free_ports(2)
    switch = FreeSwitch(tmp_path, sip_port, event_socket_port, secret="")
    yield switch
    switch.stop()


@pytest.mark.freeswitch
async def test_nobody_gets_in(as_delivered: FreeSwitch) -> None:
    as_delivered.start()
    for password in ("ClueCon", "x"):
        with pytest.raises(SwitchUnreachable, match="Access Denied"):
            await EslClient.connect("127.0.0.1", as_delivered.event_socket_port, password)


@pytest.mark.freeswitch
async def test_the_scripts_secret_opens(as_delivered: FreeSwitch) -> None:
    as_delivered.prepare()
    made = subprocess.run(
        [SCRIPT, as_delivered.folder / "conf"], check=True, capture_output=True, text=True
    ).stdout
    as_delivered.run()
    secret = made.strip().partition("=")[2]
    assert len(secret) == 48
    client = await EslClient.connect("127.0.0.1", as_delivered.event_socket_port, secret)
    assert "UP" in await client.api("status")
    await client.close()
    with pytest.raises(SwitchUnreachable, match="password"):
        await EslClient.connect("127.0.0.1", as_delivered.event_socket_port, "ClueCon")
