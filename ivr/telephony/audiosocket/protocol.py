"""AudioSocket without sockets: bytes in, events out; messages in, bytes out.

Source: Asterisk's `res_audiosocket.c` and its "AudioSocket" manual page, and what a real
Asterisk 22 does on the wire.

The rules that are kept here:
- A frame is one byte of kind, two bytes of length (big-endian), and so many bytes of payload.
- The switch speaks first, and its first frame is the call's id: 16 raw bytes. There is one.
- Sound is linear 16-bit little-endian mono; the kind tells the rate. It is never empty, never an
  odd number of bytes, never longer than `MAX_PAYLOAD`.
- A digit is one ASCII character, and comes from the switch only. An error comes from the switch
  only, with a code of one byte or none.
- "Hang up" is empty. Nothing follows it, nor an error, in the same direction.
- Anything else the far side sends, also a frame that the end of stream cuts short, is a
  RemoteProtocolError, never another exception; what came before it is delivered first. After it
  the connection is of no more use.
- Asking this side to send what the far side would refuse is a LocalProtocolError.

    ProtocolError
    ├── LocalProtocolError    we were about to break the rules
    └── RemoteProtocolError   they broke them
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from ivr.audio.format import TELEPHONE

MAX_PAYLOAD: Final = 7680
"""Longest payload taken, in bytes: 20 ms at 192 kHz, the highest rate; 480 ms at 8 kHz."""

DIGITS: Final = "0123456789*#ABCD"

_HEADER: Final = 3
_HANG_UP: Final = 0x00
_ID: Final = 0x01
_DIGIT: Final = 0x03
_ERROR: Final = 0xFF

RATE_OF_KIND: Final = {
    0x10: 8000,
    0x11: 12000,
    0x12: 16000,
    0x13: 24000,
    0x14: 32000,
    0x15: 44100,
    0x16: 48000,
    0x17: 96000,
    0x18: 192000,
}
"""Sample rate in Hz of each kind of sound."""

_KIND_OF_RATE: Final = {rate: kind for kind, rate in RATE_OF_KIND.items()}


class ProtocolError(Exception):
    """The rules of AudioSocket were broken; the text says which."""


class LocalProtocolError(ProtocolError):
    """We were about to send what the far side would refuse: a mistake in our own code."""


class RemoteProtocolError(ProtocolError):
    """The far side sent what is not AudioSocket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallIdReceived:
    """The call that this connection carries, as the dialplan named it."""

    call_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioReceived:
    """A piece of sound: `pcm` is 16-bit little-endian mono at `rate` Hz, of any length."""

    pcm: bytes
    rate: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitReceived:
    """One key, one of 0-9, *, #, A-D; sent once, when it is released."""

    digit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HungUp:
    """The far side ends the call in good order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorReceived:
    """The switch ends the call because something failed. `code` is its own, None when untold."""

    code: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEnded:
    """The far side closed the connection between two frames."""


Event = CallIdReceived | AudioReceived | DigitReceived | HungUp | ErrorReceived | StreamEnded


class Role(enum.Enum):
    """Which end of the connection this side is."""

    WORKER = "worker"
    """Takes connections and answers the call."""
    SWITCH = "switch"
    """Makes the connection and has the caller."""


class State(enum.Enum):
    """Where one direction of a connection stands."""

    BEGINNING = "beginning"
    """The call's id is still to come."""
    TALKING = "talking"
    """Sound and digits."""
    OVER = "over"
    """Hung up, or the stream ended."""
    BROKEN = "broken"
    """The rules were broken."""


_USUAL_BYTES: Final = 320
_USUAL_HEADER: Final = bytes((0x10, _USUAL_BYTES >> 8, _USUAL_BYTES & 0xFF))
_USUAL_SIZE: Final = _HEADER + _USUAL_BYTES
_SILENCE: Final = TELEPHONE.silence
_USUAL_SILENCE: Final = _USUAL_HEADER + _SILENCE

_FIRST_STATE: Final = {Role.SWITCH: State.BEGINNING, Role.WORKER: State.TALKING}

_SOUND: Final = dict.fromkeys(RATE_OF_KIND, State.TALKING)

_NEXT_STATE: Final[dict[Role, dict[State, dict[int, State]]]] = {
    Role.SWITCH: {
        State.BEGINNING: {_ID: State.TALKING},
        State.TALKING: {
            **_SOUND,
            _DIGIT: State.TALKING,
            _HANG_UP: State.OVER,
            _ERROR: State.OVER,
        },
        State.OVER: {},
        State.BROKEN: {},
    },
    Role.WORKER: {
        State.BEGINNING: {},
        State.TALKING: {**_SOUND, _HANG_UP: State.OVER},
        State.OVER: {},
        State.BROKEN: {},
    },
}
"""Who may send which kind of frame when, and where that leads. Also the whole list of kinds."""


class Connection:
    """One AudioSocket connection as `role` sees it, both directions.

    Feed it with `receive_data` and `receive_end`, and take the events each time; what the
    `send_*` methods return is to be written, each in one piece.
    """

    def __init__(self, role: Role) -> None:
        theirs = Role.SWITCH if role is Role.WORKER else Role.WORKER
        self._incoming = _FIRST_STATE[theirs]
        self._outgoing = _FIRST_STATE[role]
        self._rules_in = _NEXT_STATE[theirs]
        self._rules_out = _NEXT_STATE[role]
        self._expected = self._rules_in[self._incoming]
        """What `_incoming` allows; looked up once a state and not once a frame."""
        self._allowed = self._rules_out[self._outgoing]
        self._buffer = b""
        self._ended = False

    @property
    def their_state(self) -> State:
        """Where the far side's direction stands."""
        return self._incoming

    @property
    def our_state(self) -> State:
        """Where our direction stands."""
        return self._outgoing

    def receive_data(self, data: bytes) -> None:
        """Take bytes as they came; `events` says what they mean."""
        self._buffer = self._buffer + data if self._buffer else data

    def receive_end(self) -> None:
        """Take the end of the stream."""
        self._ended = True

    def whole_frame(self, data: bytes) -> bytes | None:
        """Return the sound in `data` where that is one whole frame of 20 ms at 8,000 Hz and nothing
        else, as nearly all that arrives; None otherwise, and then `receive_data` has to take it.
        """
        if self._incoming is not State.TALKING or self._buffer:
            return None
        if data == _USUAL_SILENCE:
            return _SILENCE
        if len(data) == _USUAL_SIZE and data.startswith(_USUAL_HEADER):
            return data[_HEADER:]
        return None

    def events(self) -> Iterator[Event]:
        """Yield what has arrived whole. Raises RemoteProtocolError, behind the last good event."""
        buffer = self._buffer
        position = 0
        try:
            while len(buffer) - position >= _HEADER:
                kind = buffer[position]
                length = buffer[position + 1] << 8 | buffer[position + 2]
                following = self._expected.get(kind)
                if following is None:
                    raise self._broken(_untimely(kind, self._incoming))
                rate = RATE_OF_KIND.get(kind)
                if rate is None:
                    self._check_length(kind, length)
                elif not length or length & 1 or length > MAX_PAYLOAD:
                    raise self._broken(f"sound of {length} bytes")
                start = position + _HEADER
                end = start + length
                if len(buffer) < end:
                    break
                payload = buffer[start:end]
                position = end
                if following is not self._incoming:
                    self._enter(following)
                if rate is None:
                    yield self._parse(kind, payload)
                else:
                    yield AudioReceived(pcm=payload, rate=rate)
        finally:
            self._buffer = buffer[position:]
        if self._ended and self._incoming is not State.BROKEN:
            if self._buffer:
                raise self._broken(f"end of stream {len(self._buffer)} bytes into a frame")
            if self._incoming is not State.OVER:
                self._enter(State.OVER)
                yield StreamEnded()

    def send_id(self, call_id: UUID) -> bytes:
        """Open the call; the switch's first frame."""
        return self._frame(_ID, call_id.bytes)

    def send_audio(self, pcm: bytes, rate: int = 8000) -> bytes:
        """Sound, 16-bit little-endian mono; a switch plays it as it comes, so 20 ms at a time."""
        kind = _KIND_OF_RATE.get(rate)
        if kind is None:
            raise LocalProtocolError(f"AudioSocket knows no rate of {rate} Hz")
        if not pcm or len(pcm) & 1 or len(pcm) > MAX_PAYLOAD:
            raise LocalProtocolError(f"sound of {len(pcm)} bytes")
        return self._frame(kind, pcm)

    def send_digit(self, digit: str) -> bytes:
        """One key; from a switch only."""
        if len(digit) != 1 or digit not in DIGITS:
            raise LocalProtocolError(f"{digit!r} is no key")
        return self._frame(_DIGIT, digit.encode("ascii"))

    def send_error(self, code: int | None = None) -> bytes:
        """End the call because something failed; from a switch only. `code` is 0..255."""
        return self._frame(_ERROR, b"" if code is None else bytes((code,)))

    def send_hang_up(self) -> bytes:
        """End the call in good order."""
        return self._frame(_HANG_UP, b"")

    def _frame(self, kind: int, payload: bytes) -> bytes:
        following = self._allowed.get(kind)
        if following is None:
            raise LocalProtocolError(_untimely(kind, self._outgoing))
        if following is not self._outgoing:
            self._outgoing = following
            self._allowed = self._rules_out[following]
        length = len(payload)
        return bytes((kind, length >> 8, length & 0xFF)) + payload

    def _check_length(self, kind: int, length: int) -> None:
        allowed = _LENGTHS[kind]
        if length not in allowed:
            raise self._broken(f"{_NAMES[kind]} of {length} bytes")

    def _parse(self, kind: int, payload: bytes) -> Event:
        if kind == _ID:
            return CallIdReceived(call_id=UUID(bytes=payload))
        if kind == _DIGIT:
            # Some drivers pass on A to D as the caller's phone wrote them.
            digit = chr(payload[0]).upper()
            if digit not in DIGITS:
                raise self._broken(f"a digit that is no key: {payload!r}")
            return DigitReceived(digit=digit)
        if kind == _ERROR:
            return ErrorReceived(code=payload[0] if payload else None)
        return HungUp()

    def _enter(self, state: State) -> None:
        self._incoming = state
        self._expected = self._rules_in[state]

    def _broken(self, what: str) -> RemoteProtocolError:
        self._enter(State.BROKEN)
        return RemoteProtocolError(what)


_NAMES: Final = {_HANG_UP: "hang-up", _ID: "call id", _DIGIT: "digit", _ERROR: "error"}
_LENGTHS: Final = {_HANG_UP: (0,), _ID: (16,), _DIGIT: (1,), _ERROR: (0, 1)}


def _untimely(kind: int, state: State) -> str:
    name = "sound" if kind in RATE_OF_KIND else _NAMES.get(kind, f"a frame of kind {kind:#04x}")
    return f"{name} while {state.value}"
