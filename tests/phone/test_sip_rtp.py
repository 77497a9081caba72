"""Packets of sound and keys."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.phone.rtp import DIGITS, DigitReceiver, MalformedPacket, RtpPacket, RtpSender


def sender() -> RtpSender:
    return RtpSender(ssrc=7, sequence=65_534, timestamp=2**32 - 320)


def test_sequence_and_timestamp_go_on_and_wrap() -> None:
    out = sender()
    packets = [out.audio(0, b"x") for _ in range(4)]
    assert [p.sequence for p in packets] == [65_534, 65_535, 0, 1]
    assert [p.timestamp for p in packets] == [2**32 - 320, 2**32 - 160, 0, 160]
    assert [p.marker for p in packets] == [True, False, False, False]


@given(
    st.integers(0, 127),
    st.integers(0, 65_535),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=200),
    st.booleans(),
)
def test_a_packet_comes_back_as_it_was_made(
    kind: int, sequence: int, timestamp: int, payload: bytes, marker: bool
) -> None:
    packet = RtpPacket(
        payload_type=kind,
        sequence=sequence,
        timestamp=timestamp,
        ssrc=1,
        payload=payload,
        marker=marker,
    )
    assert RtpPacket.parse(packet.encode()) == packet


@given(st.binary(max_size=60))
def test_any_datagram_is_parsed_or_refused(data: bytes) -> None:
    try:
        RtpPacket.parse(data)
    except MalformedPacket:
        return


@given(st.integers(0, 255), st.binary(min_size=11, max_size=80))
def test_any_datagram_of_version_two_is_parsed_or_refused(first: int, rest: bytes) -> None:
    try:
        packet = RtpPacket.parse(bytes([0x80 | first & 0x3F]) + rest)
    except MalformedPacket:
        return
    assert len(packet.payload) <= len(rest)


def test_padding_sources_and_extension_are_not_sound() -> None:
    header = struct.pack("!BBHII", 0x80 | 0x20 | 0x10 | 0x01, 0, 1, 2, 3)
    extension = struct.pack("!HHI", 0xBEDE, 1, 0)
    datagram = header + b"CSRC" + extension + b"sound" + b"\0\0\x03"
    assert RtpPacket.parse(datagram).payload == b"sound"


def test_a_key_is_one_event_with_one_timestamp_and_three_ends() -> None:
    out = sender()
    before = out.audio(0, b"x")
    ticks = list(out.press(101, "5"))
    after = out.audio(0, b"x")
    packets = [packet for tick in ticks for packet in tick]
    assert {p.timestamp for p in packets} == {(before.timestamp + 160) % 2**32}
    assert [p.marker for p in packets] == [True] + [False] * (len(packets) - 1)
    events = [struct.unpack("!BBH", p.payload) for p in packets]
    assert {event for event, _, _ in events} == {5}
    assert [bool(flags & 0x80) for _, flags, _ in events][-4:] == [False, True, True, True]
    assert [duration for _, _, duration in events] == [160, 320, 480, 640, 800, 960, 960, 960]
    assert [p.sequence for p in packets] == [
        (before.sequence + n) % 65_536 for n in range(1, len(packets) + 1)
    ]
    assert after.timestamp == (before.timestamp + 160 * (len(ticks) + 1)) % 2**32


@pytest.mark.parametrize("key", ["", "12", "x", "E"])
def test_what_is_no_key_is_not_pressed(key: str) -> None:
    with pytest.raises(ValueError, match="no key"):
        sender().press(101, key)


def test_each_key_is_received_once_also_when_packets_are_lost_or_doubled() -> None:
    out = sender()
    packets = [packet for key in f"{DIGITS}55" for tick in out.press(101, key) for packet in tick]
    whole, doubled, torn = DigitReceiver(), DigitReceiver(), DigitReceiver()
    assert "".join(filter(None, map(whole.receive, packets))) == f"{DIGITS}55"
    twice = [packet for packet in packets for _ in range(2)]
    assert "".join(filter(None, map(doubled.receive, twice))) == f"{DIGITS}55"
    # Only the very last packet of each event arrives.
    assert "".join(filter(None, map(torn.receive, packets[7::8]))) == f"{DIGITS}55"
