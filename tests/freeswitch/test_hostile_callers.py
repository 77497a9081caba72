"""What a caller writes into SIP and SDP, through the real switch, changes nothing; nor do frames of
another length, or codecs that are not ours."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import numpy as np
import pytest

from ivr.audio.g711 import MU_LAW
from tests.freeswitch.conftest import FIRST_HZ, SECOND_HZ, Workers
from tests.freeswitch.listener import until
from tests.freeswitch.raw_sip import RawCaller
from tests.freeswitch.switch import FreeSwitch
from tests.freeswitch.test_real_switch import taken
from tests.tones import clearest, tone

pytestmark = pytest.mark.freeswitch

FORGED = "Event-Name: DTMF", "DTMF-Digit: 9", "Caller-Caller-ID-Number: +1555", "Unique-ID: 1"
ENCODED = ["%0A", "%0D%0A", "%250A", "%E2%80%A8", "%0B", "%C2%85", "%0A%0A"]
RAW = ["\u2028", "\u2029", "\x0b", "\x0c", "\x85", "\x1c"]


@pytest.fixture
async def caller(freeswitch: FreeSwitch) -> AsyncIterator[RawCaller]:
    raw = RawCaller(freeswitch.sip_port)
    yield raw
    raw.close()


@pytest.mark.parametrize("line_break", [*ENCODED, *RAW], ids=ascii)
async def test_forged_headers_change_nothing(
    caller: RawCaller, workers: Workers, line_break: str
) -> None:
    forged = line_break.join(["a", *FORGED])
    expand = "${system(touch forged)}"
    status = await caller.invite(
        "7003",
        headers=[f"X-A: {forged}", f"X-B: {expand}", f"Subject: {forged}", f"User-Agent: {forged}"],
        display_name=f"{forged}{expand}",
        attributes=["a=rtpmap:101 telephone-event/8000", f"a=x-tool:{forged}"],
    )
    assert status == 200
    listener = await taken(workers)
    await until(lambda: len(listener.frames) > 20)
    info = listener.call.info
    assert info.caller == "1000"
    assert info.called == "7003"
    assert info.language == "en"
    assert listener.digits == ""
    for text in (*info.variables.values(), info.switch_channel):
        assert text.isprintable()
        assert "${" not in text
    assert "DTMF-Digit" in info.variables["x-a"]
    # It still does as it is told: nothing was swallowed on the way.
    await listener.call.hang_up()
    assert (await listener.end()).detail == "NORMAL_CLEARING"
    assert listener.digits == ""


async def test_frames_of_30_ms(caller: RawCaller, workers: Workers) -> None:
    assert await caller.invite("7003", attributes=["a=ptime:30"], formats="0") == 200
    listener = await taken(workers)
    caller.packets()
    listener.call.clear()
    listener.call.play(tone(1700, 900), mark=2)
    await until(lambda: listener.marks == [2], 3)
    await asyncio.sleep(0.1)
    payloads = [packet[12:] for packet in caller.packets()]
    assert {len(payload) for payload in payloads} == {240}
    assert 29 <= len(payloads) <= 40
    assert clearest(MU_LAW.decode(b"".join(payloads)), 1700, 800) > 0.95
    assert {len(frame) for frame in listener.frames} == {320}


async def test_a_codec_that_is_not_ours_is_refused_in_sip(
    caller: RawCaller, workers: Workers
) -> None:
    assert await caller.invite("7003", formats="9", attributes=["a=rtpmap:9 G722/8000"]) >= 400
    assert workers.calls == 0


async def test_what_was_sung_is_what_arrives(caller: RawCaller, workers: Workers) -> None:
    """Frame for frame: none doubled, none missing, none out of order."""
    assert await caller.invite("7003", formats="0") == 200
    listener = await taken(workers)
    await until(lambda: listener.marks == [1], 5)
    await asyncio.sleep(0.1)
    packets = [packet for packet in caller.packets() if packet[1] & 0x7F == 0]
    numbers = [int.from_bytes(packet[2:4], "big") for packet in packets]
    assert {(b - a) % 65536 for a, b in itertools.pairwise(numbers)} == {1}
    sound = np.frombuffer(MU_LAW.decode(b"".join(packet[12:] for packet in packets)), "<i2")
    hz = FIRST_HZ if workers.conversations[0].all else SECOND_HZ
    sung = tone(hz, 2000).samples
    wanted = np.frombuffer(MU_LAW.decode(MU_LAW.encode(sung.tobytes())), "<i2")
    start = int(np.argmax(np.abs(sound) > 1000)) - 1
    assert np.array_equal(sound[start : start + wanted.size], wanted)
