"""The Event Socket's wire format, without a socket: bytes in, events out (mod_event_socket 1.10).

Whatever arrives, in whatever pieces, it is parsed or `RemoteProtocolError` is raised; never
anything else, and never twice: after an error the connection is over.

Rules:
- A message is a block of headers, a blank line, and `Content-Length` bytes of body. The body of
  a plain event is a block of headers again, with, at times, a body of its own.
- Replies come in the order of the commands, each in the form that its command asks for; one that
  nobody waits for means that the two sides no longer understand each other.
- Blocks and bodies are bounded; stray line feeds between messages are skipped.
- Events come as plain text, since nobody asked for JSON or XML.
- Once the channel is down, nothing but its ending is believed: the notice that says so carries
  the caller's name without any encoding.

Reference: FreeSWITCH, src/mod/event_handlers/mod_event_socket/mod_event_socket.c.
"""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from ivr.telephony.freeswitch.commands import Command, Reply
from ivr.telephony.freeswitch.errors import LocalProtocolError, RemoteProtocolError
from ivr.telephony.freeswitch.headers import Headers

MAX_BLOCK = 512 * 1024
"""Bytes in one block of headers: a SIP request of 64 KiB, each byte encoded as three, and more."""

MAX_BODY = 1024 * 1024
"""Bytes in one body."""

MAX_WAITING = 256
"""Commands sent whose replies have not come."""


class Side(enum.Enum):
    """Who opened the connection."""

    OUTBOUND = "FreeSWITCH connected to us, for one call"
    INBOUND = "we connected to FreeSWITCH"


class State(enum.Enum):
    """Where a connection stands."""

    CONNECTED = "a call has come; `connect` is next"
    CONNECTING = "the channel's data is on its way"
    GREETING = "FreeSWITCH has to ask for the password"
    CHALLENGED = "`auth` is next"
    AUTHENTICATING = "the password is being looked at"
    READY = "commands and events"
    LINGERING = "the channel is down; its last events follow"
    CLOSED = "nothing follows"
    ERROR = "they sent garbage"


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordRequested:
    """FreeSWITCH wants `auth`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelData:
    """The answer to `connect`: everything about the call."""

    headers: Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandReply:
    """The answer to `command`. "+OK" to a `sendmsg` means queued, not done."""

    command: Command
    text: str
    headers: Headers

    @property
    def ok(self) -> bool:
        """Whether it was accepted."""
        return not self.text.startswith("-")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiReply:
    """What an API command printed."""

    command: Command
    text: str

    @property
    def ok(self) -> bool:
        """Whether it succeeded, as far as its output tells."""
        return not self.text.startswith(("-ERR", "-USAGE"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchEvent:
    """Something happened in FreeSWITCH: `name` such as "DTMF"; `body` only where it has one."""

    name: str
    headers: Headers
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelGone:
    """The channel is down; `lingering`: its last events follow."""

    lingering: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """FreeSWITCH will not talk to our address, and says why."""

    reason: str


Event: TypeAlias = (
    PasswordRequested | ChannelData | CommandReply | ApiReply | SwitchEvent | ChannelGone | Refused
)

_AUTH = "auth/request"
_REPLY = "command/reply"
_API = "api/response"
_EVENT = "text/event-plain"
_GONE = "text/disconnect-notice"
_RUDE = "text/rude-rejection"
_LOG = "log/data"

_MAY_COME: dict[State, frozenset[str]] = {
    State.CONNECTED: frozenset({_GONE}),
    State.CONNECTING: frozenset({_REPLY, _GONE}),
    State.GREETING: frozenset({_AUTH, _RUDE, _GONE}),
    State.CHALLENGED: frozenset({_GONE}),
    State.AUTHENTICATING: frozenset({_REPLY, _GONE}),
    State.READY: frozenset({_REPLY, _API, _EVENT, _GONE, _LOG}),
    State.LINGERING: frozenset({_REPLY, _API, _EVENT, _GONE, _LOG}),
    State.CLOSED: frozenset(),
    State.ERROR: frozenset(),
}
"""What a peer may send, by state."""

_MAY_GO: dict[State, frozenset[str] | None] = {
    State.CONNECTED: frozenset({"connect"}),
    State.CONNECTING: None,
    State.GREETING: frozenset(),
    State.CHALLENGED: frozenset({"auth", "exit"}),
    State.AUTHENTICATING: frozenset(),
    State.READY: None,
    State.LINGERING: None,
    State.CLOSED: frozenset(),
    State.ERROR: frozenset(),
}
"""The verbs that may be sent, by state; None: any but `connect` and `auth`."""

_AFTER_VERB = {"connect": State.CONNECTING, "auth": State.AUTHENTICATING}


class EslConnection:
    """One Event Socket connection, seen from our side.

    Feed it with `feed`, ask `next_event` until it returns None, end it with `receive_eof`, and
    send what `send` returns.
    """

    _ONLY_ONCE: ClassVar = frozenset(_AFTER_VERB)

    def __init__(self, side: Side) -> None:
        self.state = State.CONNECTED if side is Side.OUTBOUND else State.GREETING
        self._buffer = bytearray()
        self._searched = 0
        self._head: Headers | None = None
        self._length = 0
        self._waiting: deque[Command] = deque()

    @property
    def unanswered(self) -> int:
        """Commands whose replies have not come."""
        return len(self._waiting)

    def send(self, command: Command) -> bytes:
        """Return the bytes of a command. Raises LocalProtocolError when it must not go now."""
        allowed = _MAY_GO[self.state]
        verb = command.verb
        if verb in self._ONLY_ONCE if allowed is None else verb not in allowed:
            raise LocalProtocolError(f"`{verb}` cannot be sent: {self.state.value}")
        if len(self._waiting) >= MAX_WAITING:
            raise LocalProtocolError(f"{MAX_WAITING} commands wait for their replies")
        self.state = _AFTER_VERB.get(verb, self.state)
        self._waiting.append(command)
        return bytes(command)

    def feed(self, data: bytes) -> None:
        """Take in what arrived; `next_event` says what it means."""
        if self.state is not State.ERROR:
            self._buffer += data

    def next_event(self) -> Event | None:
        """Return what happened next; None: nothing yet.

        Raises RemoteProtocolError on garbage, and ever after.
        """
        if self.state is State.ERROR:
            raise RemoteProtocolError("nothing is read after an error")
        try:
            while (message := self._next_message()) is not None:
                event = self._read(*message)
                if event is not None:
                    return event
        except RemoteProtocolError:
            self._fail()
            raise
        return None

    def receive_eof(self) -> None:
        """Say that the peer has closed. Raises RemoteProtocolError in the middle of a message."""
        if self.state is State.ERROR:
            return
        left = len(self._buffer) or self._head is not None
        state, self.state = self.state, State.CLOSED
        self._waiting.clear()
        if left:
            self._fail()
            raise RemoteProtocolError(f"the end came in mid-message ({state.value})")

    def _fail(self) -> None:
        self.state = State.ERROR
        self._buffer.clear()
        self._head = None
        self._waiting.clear()

    def _next_message(self) -> tuple[Headers, bytes] | None:
        if self._head is None:
            if not self._read_head():
                return None
            assert self._head is not None
        if len(self._buffer) < self._length:
            return None
        head, self._head = self._head, None
        body = bytes(self._buffer[: self._length])
        del self._buffer[: self._length]
        return head, body

    def _read_head(self) -> bool:
        buffer = self._buffer
        if not self._searched and buffer and buffer[0] in b"\r\n":
            buffer[:] = buffer.lstrip(b"\r\n")
        end = buffer.find(b"\n\n", max(0, self._searched - 1))
        if end < 0:
            self._searched = len(buffer)
            if self._searched > MAX_BLOCK + 1:
                raise RemoteProtocolError(f"a block of more than {MAX_BLOCK} bytes")
            return False
        if end > MAX_BLOCK:
            raise RemoteProtocolError(f"a block of {end} bytes")
        head = Headers.parse(bytes(buffer[:end]))
        del buffer[: end + 2]
        self._searched = 0
        self._length = _content_length(head)
        self._head = head
        return True

    def _read(self, head: Headers, body: bytes) -> Event | None:
        kind = head.text("Content-Type")
        if kind not in _MAY_COME[self.state]:
            raise RemoteProtocolError(f"{kind[:80]!r} came, where {self.state.value}")
        match kind:
            case "command/reply":
                event: Event | None = self._reply(head, body)
            case "api/response":
                command = self._answered(Reply.API)
                event = ApiReply(command=command, text=_text(body))
            case "text/event-plain":
                event = self._event(body)
            case "auth/request":
                self.state = State.CHALLENGED
                event = PasswordRequested()
            case "text/disconnect-notice":
                lingering = head.text("Content-Disposition") == "linger"
                self.state = State.LINGERING if lingering else State.CLOSED
                event = ChannelGone(lingering=lingering)
            case "text/rude-rejection":
                self.state = State.CLOSED
                event = Refused(reason=_text(body))
            case _:
                event = None
        return event

    def _reply(self, head: Headers, body: bytes) -> Event:
        first = self._waiting[0].reply if self._waiting else None
        if first is Reply.CHANNEL:
            self._waiting.popleft()
            self.state = State.READY
            return ChannelData(headers=head)
        if body:
            raise RemoteProtocolError("a command/reply with a body")
        # An API command that is not allowed is refused by a plain reply.
        command = self._answered(Reply.COMMAND, Reply.API)
        text = head.text("Reply-Text").strip()
        reply = CommandReply(command=command, text=text, headers=head)
        if command.reply is Reply.API:
            return ApiReply(command=command, text=text)
        if self.state is State.AUTHENTICATING:
            self.state = State.READY if reply.ok else State.CLOSED
        return reply

    def _answered(self, *kinds: Reply) -> Command:
        if not self._waiting:
            raise RemoteProtocolError("a reply to nothing that we sent")
        command = self._waiting.popleft()
        if command.reply not in kinds:
            raise RemoteProtocolError(f"the wrong kind of reply to `{command.verb}`")
        return command

    def _event(self, block: bytes) -> SwitchEvent | None:
        text, _, rest = block.partition(b"\n\n")
        headers = Headers.parse(text)
        length = _content_length(headers)
        if len(rest) != length:
            raise RemoteProtocolError(f"an event of {len(rest)} bytes says it has {length}")
        name = headers.text("Event-Name")
        if not name:
            raise RemoteProtocolError("an event without a name")
        if self.state is State.LINGERING and name not in _LAST_EVENTS:
            return None
        return SwitchEvent(name=name, headers=headers, body=rest)


_LAST_EVENTS = frozenset({"CHANNEL_HANGUP", "CHANNEL_HANGUP_COMPLETE", "CHANNEL_DESTROY"})


def _content_length(headers: Headers) -> int:
    text = headers.get("Content-Length", "0")
    if not (text.isascii() and text.isdigit() and len(text) <= 9) or int(text) > MAX_BODY:
        raise RemoteProtocolError(f"Content-Length {text[:80]!r}")
    return int(text)


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace").strip()
