"""One AudioSocket connection on asyncio: a thin shell round the codec.

What comes before the call's id is its own affair (deadline, refusal); with the id there is a call,
and everything after goes there.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, cast
from uuid import UUID

from ivr.telephony.audiosocket.protocol import (
    AudioReceived,
    CallIdReceived,
    Connection,
    DigitReceived,
    ErrorReceived,
    Event,
    HungUp,
    RemoteProtocolError,
    Role,
    State,
)
from ivr.telephony.call import CallEnding, EndedBy

if TYPE_CHECKING:
    from ivr.telephony.audiosocket.call import AudioSocketCall

UNSENT_FRAMES: Final = 16
"""Frames that may wait in our memory; beyond, the far side counts as not reading."""

_FRAME_ON_WIRE: Final = 323
_SEND_BUFFER: Final = 32768
"""Bytes of the kernel's own buffer: about 1 s of frames, so that what it holds cannot grow old."""
_CLOSE_WITHIN_S: Final = 2.0
"""Time for our last bytes to leave and for the far side to close."""
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER on, 0 s: closing resets the connection."""


class AudioSocketConnection(asyncio.Protocol):
    """The worker's end of a connection.

    - `admit(connection)` at once: a sentence when it is refused, else None;
    - `on_id(connection, call_id)` when the call's id has come: sets `call`, or refuses;
    - `on_stray(detail, peer)`: it ended before it became a call;
    - `on_closed(connection)`: the socket is gone.
    """

    def __init__(
        self,
        *,
        id_within_s: float,
        admit: Callable[[AudioSocketConnection], str | None],
        on_id: Callable[[AudioSocketConnection, UUID], None],
        on_stray: Callable[[str, str], None],
        on_closed: Callable[[AudioSocketConnection], None],
    ) -> None:
        self.codec = Connection(Role.WORKER)
        self.peer_reads = True
        """Whether what is written leaves."""
        self.call: AudioSocketCall | None = None
        self.peer = ""
        """Who connected, for the log."""
        self._id_within_s = id_within_s
        self._admit = admit
        self._on_id = on_id
        self._on_stray = on_stray
        self._on_closed = on_closed
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._closing = False

    @property
    def is_nameless(self) -> bool:
        """Whether it may yet become a call."""
        return self.call is None and not self._closing

    # What asyncio tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        transport = cast("asyncio.Transport", transport)
        self._transport = transport
        self.peer = str(transport.get_extra_info("peername"))
        transport.set_write_buffer_limits(high=UNSENT_FRAMES * _FRAME_ON_WIRE, low=0)
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        refusal = self._admit(self)
        if refusal is not None:
            self.refuse(refusal)
            return
        self._deadline = asyncio.get_running_loop().call_later(
            self._id_within_s, self.refuse, f"no call id within {self._id_within_s:g} s"
        )

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._closing:
            return
        call = self.call
        if call is not None:
            pcm = self.codec.whole_frame(data)
            if pcm is not None:
                call.frame_received(pcm)
                return
        self.codec.receive_data(data)
        self._take_events()

    def eof_received(self) -> None:
        """See asyncio.Protocol."""
        if self._closing:
            return
        self.codec.receive_end()
        self._take_events()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._cancel_deadline()
        detail = "the connection broke" if exc is None else f"the connection broke: {exc}"
        if not self._closing:
            self._closing = True
            if self.call is None:
                self._on_stray(detail, self.peer)
            else:
                self.call.line_broke(detail)
        self._transport = None
        self.call = None
        self._on_closed(self)

    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        self.peer_reads = False

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        self.peer_reads = True

    # What the call asks for.

    def send(self, frame: bytes) -> None:
        """Write one whole frame, in one piece: Asterisk gives up on a payload in parts."""
        if self._transport is not None and not self._closing:
            self._transport.write(frame)

    def hang_up(self) -> None:
        """End in good order: "hang up", nothing more, and the far side closes.

        What it still sends is read and thrown away: closing over unread bytes would be a reset.
        """
        if self._transport is None or self._closing:
            return
        if self.codec.our_state is State.TALKING:
            self.send(self.codec.send_hang_up())
        self._closing = True
        self._transport.write_eof()
        self._abort_soon(self._transport)

    def close(self) -> None:
        """Close behind a far side that has ended the call."""
        if self._transport is None or self._closing:
            return
        self._closing = True
        self._transport.close()
        self._abort_soon(self._transport)

    def reset(self) -> None:
        """End as a process that dies does: the dialplan takes it as a failure and goes on."""
        if self._transport is None:
            return
        self._cancel_deadline()
        self._closing = True
        raw = self._transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.abort()

    def refuse(self, why: str) -> None:
        """Let go of a connection that is no call."""
        if not self._closing:
            self.reset()
            self._on_stray(why, self.peer)

    # Inside.

    def _take_events(self) -> None:
        try:
            for event in self.codec.events():
                call = self.call
                if call is None:
                    self._before_the_call(event)
                elif isinstance(event, AudioReceived):
                    call.audio_received(event.pcm, event.rate)
                elif isinstance(event, DigitReceived):
                    call.digit_received(event.digit)
                else:
                    call.far_side_ended(_ending_of(event))
                if self._closing:
                    return
        except RemoteProtocolError as error:
            if self.call is None:
                self.refuse(f"not AudioSocket: {error}")
            else:
                self.call.fail(f"not AudioSocket: {error}")

    def _before_the_call(self, event: Event) -> None:
        if not isinstance(event, CallIdReceived):
            self.refuse("closed before it told a call id")
            return
        self._cancel_deadline()
        self._on_id(self, event.call_id)

    def _abort_soon(self, transport: asyncio.Transport) -> None:
        """Nothing may wait for a far side that neither reads nor closes."""
        self._cancel_deadline()
        self._deadline = asyncio.get_running_loop().call_later(_CLOSE_WITHIN_S, transport.abort)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _ending_of(event: Event) -> CallEnding:
    if isinstance(event, ErrorReceived):
        return CallEnding(by=EndedBy.LINE, detail=f"the switch reports error {event.code}")
    if isinstance(event, HungUp):
        return CallEnding(by=EndedBy.CALLER, detail="the switch hung up")
    return CallEnding(by=EndedBy.CALLER, detail="the switch closed the connection")
