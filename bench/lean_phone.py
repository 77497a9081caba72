"""A SIP phone of which a hundred take little: packets made beforehand, no sound looked at, and what
came read only when the next packet leaves. When it came the kernel has noted (SO_TIMESTAMPNS), so
that what is measured is the line, and not how late these phones were."""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct
import time
from contextlib import suppress

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
_TIMESTAMP = 35
"""Linux's SO_TIMESTAMPNS (asm-generic/socket.h); Python's module does not name it."""
_CAME_AT = struct.Struct("@qq")
_ROOM = socket.CMSG_SPACE(_CAME_AT.size)
_PACKET = 512
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
        self._socket: socket.socket | None = None
        self._to: tuple[str, int] | None = None
        self._ssrc = secrets.randbits(32)
        self._sequence = secrets.randbits(16)
        self._timestamp = secrets.randbits(32)
        self.lost_patience = asyncio.Event()

    async def open(self, host: str) -> int:
        """See SipMedia."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, _TIMESTAMP, 1)
        self._socket.bind((host, 0))
        return int(self._socket.getsockname()[1])

    def begin(self, remote: MediaDescription) -> None:
        """See SipMedia."""
        self._to = (remote.host, remote.port)
        self._beat.subscribe(self._pass)

    def close(self) -> None:
        """See SipMedia."""
        self._beat.unsubscribe(self._pass)
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def closed(self) -> None:
        """See SipMedia."""

    def _pass(self) -> None:
        """20 ms are over: take what came, let the next packet leave."""
        sock, to = self._socket, self._to
        if sock is None or to is None:
            return
        self._take(sock)
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp = (self._timestamp + _STEP) & 0xFFFFFFFF
        header = _HEADER.pack(_VERSION, _PCMU, self._sequence, self._timestamp, self._ssrc)
        with suppress(OSError):
            sock.sendto(header + self._talker.frame(time.monotonic()), to)
        if self._talker.has_lost_patience:
            self.lost_patience.set()

    def _take(self, sock: socket.socket) -> None:
        since_boot = time.monotonic() - time.time()
        while True:
            try:
                data, notes, *_ = sock.recvmsg(_PACKET, _ROOM)
            except OSError:
                return
            seconds, nanoseconds = _CAME_AT.unpack(notes[0][2])
            came = seconds + nanoseconds / 1e9 + since_boot
            self._talker.heard(1, silent=data.endswith(_SILENCES), now=came)
