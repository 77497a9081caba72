"""The bank scenario through Kamailio: a spoken call, from the trunk to the record."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.phone.sip import SipPhone
from ivr.phone.voice import CallerVoice
from ivr.settings import Settings
from ivr.storage.reader import RecordReader
from tests.e2e.records import assert_recorded_once
from tests.e2e.stack import Stack
from tests.e2e.talk import Sounds, SwitchedTalk
from tests.sip.conftest import sockets_of
from tests.sip.edge import Edge
from tests.sip.records import Cdrs
from tests.telephony.asterisk.switch import AsteriskSwitch

pytestmark = [
    pytest.mark.kamailio,
    pytest.mark.asterisk,
    pytest.mark.postgres,
    pytest.mark.redis,
]


SAID = ("what is my balance", "four four seven one two three", "no thank you")


@pytest.fixture
async def sounds() -> Sounds:
    """What the caller says."""
    voice = CallerVoice(Settings())
    try:
        return {text: await voice.speak(text) for text in SAID}
    finally:
        await voice.close()


@pytest.fixture
def switched_stack(spoken_asterisk: AsteriskSwitch, tmp_path: Path) -> Iterator[Stack]:
    """A worker behind the Asterisk, and what it stands on."""
    environment = {
        "IVR_AMI_PORT": str(spoken_asterisk.ami_port),
        "IVR_AMI_USER": spoken_asterisk.ami_user,
        "IVR_AMI_SECRET": spoken_asterisk.ami_secret,
    }
    with Stack(tmp_path / "var", environment=environment) as stack:
        yield stack


async def test_the_bank_answers_through_the_edge(
    edge_programs: None,
    tmp_path: Path,
    spoken_asterisk: AsteriskSwitch,
    switched_stack: Stack,
    sounds: Sounds,
) -> None:
    spoken_asterisk.use_workers(*switched_stack.notes.audiosocket_ports)
    database = switched_stack.notes.database_url
    assert database is not None
    (tmp_path / "edge").mkdir()
    edge = Edge(
        tmp_path / "edge",
        {"asterisk-1": f"127.0.0.1:{spoken_asterisk.sip_port}"},
        sockets=sockets_of(database),
    )
    await asyncio.to_thread(edge.start)
    number = "+914055500001"
    phone = SipPhone(edge.target(), number=number)
    talk = SwitchedTalk(phone, sounds, switched_stack, number, "en")
    try:
        await talk.ring()
        await talk.hear_begin()
        await talk.press("1")
        await talk.hear_begin()
        await talk.say("what is my balance")
        await talk.hear("what is your account number")
        await talk.say("four four seven one two three")
        await talk.hear("the balance of your account is")
        await talk.say("no thank you")
        await talk.hear("goodbye")
        async with asyncio.timeout(8):
            await phone.ended.wait()
        call_id = await talk.call_id()
        await asyncio.to_thread(assert_recorded_once, switched_stack, call_id)
        (row,) = [row for row in Cdrs(database).all() if row.caller == number]
        row = await Cdrs(database).of(row.sip_call_id)
        assert (row.status, row.cause, row.node) == (200, "node_hung_up", "asterisk-1")
        assert row.answered_at is not None
        reader = RecordReader(database)
        call = await asyncio.to_thread(reader.call, call_id)
        assert call is not None
        assert call.cdr is not None
        joined = await asyncio.to_thread(reader.cdr, call.cdr)
        assert joined is not None
        assert joined.sip_call_id == row.sip_call_id
    finally:
        await talk.hang_up()
        await asyncio.to_thread(edge.stop)
