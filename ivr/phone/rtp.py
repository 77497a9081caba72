"""Sound and keys in packets: RTP (RFC 3550 section 5.1) and telephone events (RFC 4733).

Pure: packets in, packets out; who sends them, and when, is in `sip_media`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from ivr.audio.format import TELEPHONE

STEP = TELEPHONE.frame_samples
"""Timestamp units of one packet: 160 of 8,000 Hz."""

DIGITS = "0123456789*#ABCD"
"""Event codes 0..15 of RFC 4733 section 3.2, in order."""

PRESS_PACKETS = 6
"""A key is held for this many packets (120 ms), well over the 40 ms that a receiver may want."""

END_PACKETS = 3
"""The last packet of an event is sent three times, against loss (RFC 4733 section 2.5.1.4)."""

_HEADER = struct.Struct("!BBHII")
_EVENT = struct.Struct("!BBH")
_END_BIT = 0x80
_VOLUME = 10
"""dBm0 below zero."""


class MalformedPacket(Exception):
    """What arrived is no RTP packet; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpPacket:
    """One packet; `timestamp` in samples of 8,000 Hz, numbers wrap at their widths."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False

    def encode(self) -> bytes:
        """The packet on the wire."""
        second = (0x80 if self.marker else 0) | self.payload_type
        header = _HEADER.pack(0x80, second, self.sequence, self.timestamp, self.ssrc)
        return header + self.payload

    @classmethod
    def parse(cls, datagram: bytes) -> RtpPacket:
        """The packet in a datagram. Raises MalformedPacket, never anything else."""
        if len(datagram) < _HEADER.size:
            raise MalformedPacket("shorter than a header")
        first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(datagram)
        if first >> 6 != 2:
            raise MalformedPacket("another version than 2")
        start = _HEADER.size + 4 * (first & 0x0F)
        if first & 0x10:
            if len(datagram) < start + 4:
                raise MalformedPacket("an extension cut short")
            start += 4 + 4 * int.from_bytes(datagram[start + 2 : start + 4])
        end = len(datagram)
        if first & 0x20:
            end -= datagram[-1] or len(datagram)
        if start > end:
            raise MalformedPacket("no room for the payload that it announces")
        return cls(
            payload_type=second & 0x7F,
            sequence=sequence,
            timestamp=timestamp,
            ssrc=ssrc,
            payload=datagram[start:end],
            marker=bool(second & 0x80),
        )


def event_of(key: str) -> int:
    """The event code of a key. Raises ValueError for what is no key."""
    event = DIGITS.find(key)
    if event < 0 or len(key) != 1:
        raise ValueError(f"{key!r} is no key")
    return event


class RtpSender:
    """Numbers the packets of one stream: sequence and timestamp go on whatever is sent."""

    def __init__(self, *, ssrc: int, sequence: int, timestamp: int) -> None:
        self._ssrc = ssrc
        self._sequence = sequence & 0xFFFF
        self._timestamp = timestamp & 0xFFFFFFFF
        self._talking = False

    def audio(self, payload_type: int, payload: bytes) -> RtpPacket:
        """The packet of this tick's sound; the marker shows where talk begins anew."""
        packet = self._packet(payload_type, payload, self._timestamp, marker=not self._talking)
        self._talking = True
        self._pass_tick()
        return packet

    def press(self, payload_type: int, digit: str) -> Iterator[tuple[RtpPacket, ...]]:
        """A key, tick by tick: the packets of each 20 ms, in place of sound.

        All carry the timestamp at which the key went down, and how long it has been down. Raises
        ValueError for what is no key.
        """
        return self._press(payload_type, event_of(digit))

    def _press(self, payload_type: int, event: int) -> Iterator[tuple[RtpPacket, ...]]:
        start = self._timestamp
        for number in range(1, PRESS_PACKETS + 1):
            last = number == PRESS_PACKETS
            payload = _EVENT.pack(event, _VOLUME | (_END_BIT if last else 0), number * STEP)
            packets = tuple(
                self._packet(payload_type, payload, start, marker=number == 1)
                for _ in range(END_PACKETS if last else 1)
            )
            self._pass_tick()
            self._talking = False
            yield packets

    def _packet(
        self, payload_type: int, payload: bytes, timestamp: int, *, marker: bool
    ) -> RtpPacket:
        packet = RtpPacket(
            payload_type=payload_type,
            sequence=self._sequence,
            timestamp=timestamp,
            ssrc=self._ssrc,
            payload=payload,
            marker=marker,
        )
        self._sequence = (self._sequence + 1) & 0xFFFF
        return packet

    def _pass_tick(self) -> None:
        self._timestamp = (self._timestamp + STEP) & 0xFFFFFFFF


class DigitReceiver:
    """Turns event packets into keys: each key once, however many packets tell of it."""

    def __init__(self) -> None:
        self._last: tuple[int, int] | None = None

    def receive(self, packet: RtpPacket) -> str | None:
        """The key that `packet` is the first to tell of; None for a repetition or no key."""
        if len(packet.payload) < _EVENT.size:
            return None
        event, _, _ = _EVENT.unpack_from(packet.payload)
        if event >= len(DIGITS) or (packet.ssrc, packet.timestamp) == self._last:
            return None
        self._last = (packet.ssrc, packet.timestamp)
        return DIGITS[event]
