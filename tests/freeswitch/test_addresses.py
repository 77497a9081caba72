"""Whom a FreeSWITCH with a trunk at its door takes calls from, and where it says that it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.ports import free_ports
from tests.freeswitch.switch import FreeSwitch, without_freeswitch
from tests.sip.caller import Caller

pytestmark = pytest.mark.freeswitch

OUTSIDE = "203.0.113.7"
ANSWERS = """<include>
  <extension name="answers">
    <condition field="destination_number" expression="^7011$">
      <action application="answer"/>
      <action application="sleep" data="5000"/>
    </condition>
  </extension>
</include>
"""


@pytest.fixture(scope="module")
def at_the_door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FreeSwitch]:
    without_freeswitch()
    sip, event_socket = free_ports(2)
    folder: Path = tmp_path_factory.mktemp("door")
    switch = FreeSwitch(
        folder,
        sip,
        event_socket,
        values={"ivr_trunk": "127.0.0.1/32,127.0.0.64/30", "ivr_ext_sip_ip": OUTSIDE},
        files={"dialplan/public/05_numbers.xml": ANSWERS},
    )
    switch.start()
    yield switch
    switch.stop()


@pytest.mark.parametrize(
    ("address", "status"), [("127.0.0.66", 200), ("127.0.0.1", 200), ("127.0.0.70", 403)]
)
async def test_each_network_of_the_trunk_may_ring_and_no_other(
    address: str, status: int, at_the_door: FreeSwitch
) -> None:
    caller = Caller(at_the_door.sip_port)
    await caller.open(address)
    call = caller.ring("7011")
    assert await call.status() == status
    caller.close()


async def test_contact_names_the_address_outside(at_the_door: FreeSwitch) -> None:
    caller = Caller(at_the_door.sip_port)
    await caller.open()
    call = caller.ring("7011")
    assert await call.status() == 200
    assert f"@{OUTSIDE}:" in call.final.result().get("Contact")
    caller.close()
