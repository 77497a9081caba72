"""Our phrases in a switch that has languages of its own, as vanilla's are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.phone.sip import SipPhone
from ivr.ports import free_ports
from tests.freeswitch.switch import FreeSwitch, without_freeswitch
from tests.prompts import render_tones
from tests.tones import PROMPT_HZ, heard

pytestmark = pytest.mark.freeswitch

VANILLA_ENGLISH = """<include>
  <language name="en" say-module="en" sound-prefix="$${sounds_dir}/en/us/callie">
    <phrases>
      <macros>
        <X-PRE-PROCESS cmd="include" data="demo/*.xml"/> <!-- Note: whole subdir -->
        <X-PRE-PROCESS cmd="include" data="ivr/*.xml"/>  <!-- custom phrases go here -->
      </macros>
    </phrases>
  </language>
</include>
"""
SAYS = """<include>
  <extension name="says">
    <condition field="destination_number" expression="^7011$">
      <action application="answer"/>
      <action application="set" data="default_language=en"/>
      <action application="playback" data="phrase:ivr_please_hold"/>
      <action application="playback" data="phrase:ivr_please_hold"/>
    </condition>
  </extension>
</include>
"""


@pytest.fixture
def switch(tmp_path: Path) -> Iterator[FreeSwitch]:
    """One with vanilla's English and our phrases."""
    without_freeswitch()
    render_tones(tmp_path / "sounds", "freeswitch")
    sip, event_socket = free_ports(2)
    switch = FreeSwitch(
        tmp_path,
        sip,
        event_socket,
        files={"lang/en/en.xml": VANILLA_ENGLISH, "dialplan/public/05_numbers.xml": SAYS},
    )
    switch.start()
    yield switch
    switch.stop()


async def test_phrases_are_spoken_under_somebody_elses_language(switch: FreeSwitch) -> None:
    phone = SipPhone(switch.sip_target("7011"))
    try:
        await phone.ring(10)
        await heard(phone.handset, PROMPT_HZ["please-hold", "en"])
    finally:
        await phone.hang_up()
