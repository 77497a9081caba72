"""The SIP phone on real sockets, against a far side of thirty lines."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import cast

import pytest

from ivr.audio.format import Audio
from ivr.audio.g711 import A_LAW, MU_LAW
from ivr.errors import IvrError
from ivr.phone.handset import CallOver
from ivr.phone.rtp import RtpPacket
from ivr.phone.sdp import MediaDescription, parse_sdp
from ivr.phone.sip import NotAnswered, SipPhone
from ivr.phone.sip_message import SipRequest, SipResponse, parse

LOUD = b"\x00\x20" * 160


class Far(asyncio.DatagramProtocol):
    """Answers an INVITE with `status` and takes what comes; its sound has a port of its own."""

    def __init__(self) -> None:
        self.status = 200
        self.events: int | None = 101
        self.drop = 0
        self.requests: list[SipRequest] = []
        self.media = Media()
        self.phone_media = MediaDescription(host="", port=0, codecs=())
        self.phone_at = ("", 0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    @property
    def port(self) -> int:
        port: int = self.transport.get_extra_info("sockname")[1]
        return port

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = parse(data)
        if not isinstance(message, SipRequest):
            return
        self.requests.append(message)
        self.phone_at = addr
        if self.drop > 0:
            self.drop -= 1
        elif message.method == "INVITE":
            self.phone_media = parse_sdp(message.body)
            self.answer(message, self.status)
        elif message.method != "ACK":
            self.answer(message, 200)

    def answer(self, request: SipRequest, status: int) -> None:
        sdp = MediaDescription(
            host="127.0.0.1", port=self.media.port, codecs=(A_LAW,), event_type=self.events
        )
        headers = tuple(
            (k, v) for k, v in request.headers if k in ("Via", "From", "Call-ID", "CSeq")
        )
        response = SipResponse(
            status=status,
            reason="So",
            headers=(*headers, ("To", f"{request.get('To')};tag=far")),
            body=sdp.encode() if status == 200 else b"",
        )
        self.transport.sendto(response.encode(), self.phone_at)

    def hang_up(self) -> None:
        invite = self.requests[0]
        bye = SipRequest(
            method="BYE",
            uri="sip:x",
            headers=(
                ("Via", "SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKbye"),
                ("From", f"{invite.get('To')};tag=far"),
                ("To", invite.get("From")),
                ("Call-ID", invite.get("Call-ID")),
                ("CSeq", "1 BYE"),
            ),
        )
        self.transport.sendto(bye.encode(), self.phone_at)


class Media(asyncio.DatagramProtocol):
    """The far side's sound: notes when packets came."""

    def __init__(self) -> None:
        self.packets: list[RtpPacket] = []
        self.times: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)
        self.port: int = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        del addr
        self.packets.append(RtpPacket.parse(data))
        self.times.append(asyncio.get_running_loop().time())


@pytest.fixture
async def far() -> AsyncIterator[Far]:
    loop = asyncio.get_running_loop()
    far = Far()
    await loop.create_datagram_endpoint(lambda: far, local_addr=("127.0.0.1", 0))
    await loop.create_datagram_endpoint(lambda: far.media, local_addr=("127.0.0.1", 0))
    yield far
    far.transport.close()
    far.media.transport.close()
    await asyncio.sleep(0)


@pytest.fixture
async def phone(far: Far) -> AsyncIterator[SipPhone]:
    phone = SipPhone(f"sip:100@127.0.0.1:{far.port}")
    yield phone
    await phone.hang_up()


async def packets(far: Far, count: int) -> None:
    async with asyncio.timeout(5):
        while len(far.media.packets) < count:
            await asyncio.sleep(0.01)


async def test_sound_leaves_each_20_ms_in_the_law_they_chose(far: Far, phone: SipPhone) -> None:
    await phone.ring()
    await phone.speak(Audio(LOUD * 25))
    await packets(far, 50)
    assert {packet.payload_type for packet in far.media.packets} == {A_LAW.payload_type}
    spoken = [p for p in far.media.packets if p.payload == A_LAW.encode(LOUD)]
    assert len(spoken) == 25
    steps = [b.timestamp - a.timestamp for a, b in pairwise(spoken)]
    assert set(steps) == {160}
    pace = (far.media.times[49] - far.media.times[0]) / 49
    assert pace == pytest.approx(0.02, abs=0.002)


async def test_what_comes_is_heard_and_strangers_are_not(far: Far, phone: SipPhone) -> None:
    await phone.ring()
    packet = RtpPacket(payload_type=0, sequence=1, timestamp=0, ssrc=1, payload=MU_LAW.encode(LOUD))
    place = (far.phone_media.host, far.phone_media.port)
    far.media.transport.sendto(packet.encode(), place)
    await phone.handset.heard_sound(5)
    loop = asyncio.get_running_loop()
    stranger, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=("127.0.0.2", 0)
    )
    stranger.sendto(packet.encode(), place)
    far.media.transport.sendto(b"no rtp", place)
    async with asyncio.timeout(5):
        while phone.media.packets_refused < 2:
            await asyncio.sleep(0.01)
    stranger.close()
    await asyncio.sleep(0)
    assert phone.media.packets_heard == 1


async def test_keys_go_out_as_events_and_sound_pauses_for_them(far: Far, phone: SipPhone) -> None:
    far.events = 96
    await phone.ring()
    await phone.press("55")

    def events_heard() -> list[RtpPacket]:
        return [p for p in far.media.packets if p.payload_type == 96]

    async with asyncio.timeout(5):
        while len(events_heard()) < 16:
            await asyncio.sleep(0.01)
    events = events_heard()
    assert len({p.timestamp for p in events}) == 2
    assert [struct.unpack("!BBH", p.payload)[0] for p in events] == [5] * 16
    with pytest.raises(ValueError, match="no key"):
        await phone.press("x")


async def test_a_key_for_a_far_side_that_takes_none_is_an_error(far: Far, phone: SipPhone) -> None:
    far.events = None
    await phone.ring()
    with pytest.raises(ValueError, match="takes no keys"):
        await phone.press("1")


async def test_a_lost_invite_is_sent_again(far: Far, phone: SipPhone) -> None:
    far.drop = 1
    await phone.ring()
    assert [r.method for r in far.requests if r.method == "INVITE"] == ["INVITE"] * 2


async def test_they_hang_up(far: Far, phone: SipPhone) -> None:
    await phone.ring()
    phone.handset.speak(Audio(LOUD * 100))
    talking = asyncio.create_task(phone.handset.spoken())
    await asyncio.sleep(0)
    far.hang_up()
    async with asyncio.timeout(5):
        await phone.ended.wait()
    with pytest.raises(CallOver):
        await talking
    assert phone.end_reason == "they hung up"


async def test_we_hang_up_and_they_know(far: Far, phone: SipPhone) -> None:
    await phone.ring()
    await phone.hang_up()
    await phone.hang_up()
    assert [request.method for request in far.requests] == ["INVITE", "ACK", "BYE"]
    assert phone.end_reason == "we hung up"


async def test_a_refusal_has_its_status(far: Far, phone: SipPhone) -> None:
    far.status = 486
    with pytest.raises(NotAnswered, match="486 So") as refused:
        await phone.ring()
    assert refused.value.status == 486
    assert phone.ended.is_set()


async def test_nobody_there_is_given_up_in_time(far: Far, phone: SipPhone) -> None:
    far.drop = 100
    with pytest.raises(NotAnswered, match="did not answer within"):
        await phone.ring(0.1)
    assert phone.ended.is_set()


def test_a_target_that_is_none_is_refused() -> None:
    with pytest.raises(IvrError, match="no SIP address"):
        SipPhone("127.0.0.1")
