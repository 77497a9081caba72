"""A SIP phone of which a hundred take little: packets made beforehand, no sound looked at."""

from __future__ import annotations

import asyncio
import secrets
import struct
import time

from ivr.audio.format import TELEPHONE
from ivr.audio.g711 import MU_LAW
from ivr.benchmarks.media.talker import Talker
from ivr.phone.handset import Handset
from ivr.phone.sdp import MediaDescription
from ivr.phone.sip_media import SipMedia
from ivr.telephony.media_clock import FrameClock

_HEADER = struct.Struct("!BBHII")
_VERSION, _PCMU = 0x80, MU_LAW.payload_type
_STEP = TELEPHONE.frame_samples
_SILENCES = (b"\xff" * _STEP, b"\x7f" * _STEP)


def payloads(pcm: bytes) -> list[bytes]:
    """Sound as G.711 mu-law, in pieces of 20 ms."""
    codes = MU_LAW.encode(pcm)
    codes += _SILENCES[0][: -len(codes) % _STEP]
    return [codes[at : at + _STEP] for at in range(0, len(codes), _STEP)]


class LeanMedia(SipMedia):
    """The sound of one call, by a `Talker`; `clock` is shared by all phones."""

    def __init__(self, talker: Talker, clock: FrameClock) -> None:
        super().__init__(Handset(keep_record=False))
        self._talker = talker
        self._beat = clock
        self._to: tuple[str, int] | None = None
        self._ssrc = secrets.randbits(32)
        self._sequence = secrets.randbits(16)
        self._timestamp = secrets.randbits(32)
        self.lost_patience = asyncio.Event()

    def begin(self, remote: MediaDescription) -> None:
        """See SipMedia."""
        self._to = (remote.host, remote.port)
        self._beat.subscribe(self._leave)

    def close(self) -> None:
        """See SipMedia."""
        self._beat.unsubscribe(self._leave)
        super().close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """See asyncio.DatagramProtocol."""
        silent = data.endswith(_SILENCES)
        self._talker.heard(1, silent=silent, now=time.monotonic())

    def _leave(self) -> None:
        transport, to = self._transport, self._to
        if transport is None or to is None:
            return
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp = (self._timestamp + _STEP) & 0xFFFFFFFF
        header = _HEADER.pack(_VERSION, _PCMU, self._sequence, self._timestamp, self._ssrc)
        transport.sendto(header + self._talker.frame(time.monotonic()), to)
        if self._talker.has_lost_patience:
            self.lost_patience.set()
