"""What we say to FreeSWITCH, built so that nobody's text can become a command.

Rules:
- A value is one line: no control character, no line or paragraph separator of any alphabet.
- `${` never leaves: FreeSWITCH expands it, and `${system ...}` runs programs.
- What breaks a rule is refused with LocalProtocolError. Text that callers wrote goes through
  `plain` first, which takes out what the rules refuse.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from ivr.telephony.freeswitch.errors import LocalProtocolError

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_DOLLARS = re.compile(r"\$+(?=\{)")

MAX_VALUE = 4096
"""Characters in one value: FreeSWITCH reads a command byte by byte."""


class Reply(enum.Enum):
    """What FreeSWITCH answers a command with."""

    CHANNEL = "channel data"
    COMMAND = "command/reply"
    API = "api/response"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command: its first line, its headers, and the kind of reply that follows.

    Raises LocalProtocolError when a name or value breaks the rules.
    """

    line: str
    headers: Mapping[str, str] = field(default_factory=dict)
    reply: Reply = Reply.COMMAND

    def __post_init__(self) -> None:
        _refuse(self.line)
        if not self.line or self.line != self.line.strip():
            raise LocalProtocolError(f"{self.line!r} is no command")
        for name, value in self.headers.items():
            if not _NAME.fullmatch(name):
                raise LocalProtocolError(f"{name!r} is no header name")
            _refuse(value)

    @property
    def verb(self) -> str:
        """The first word."""
        return self.line.partition(" ")[0]

    def __bytes__(self) -> bytes:
        lines = [self.line, *(f"{name}: {value}" for name, value in self.headers.items())]
        return ("\n".join(lines) + "\n\n").encode()


def plain(text: str, longest: int = 256) -> str:
    """Return somebody's text without what a command refuses, cut to `longest` characters."""
    return _DOLLARS.sub("", _BREAKS.sub("", text))[:longest].strip()


def _refuse(value: str) -> None:
    if _BREAKS.search(value):
        raise LocalProtocolError(f"a line break or control character in {value[:80]!r}")
    if "${" in value:
        raise LocalProtocolError(f"'${{' in {value[:80]!r}: FreeSWITCH would expand it")
    if len(value) > MAX_VALUE:
        raise LocalProtocolError(f"{len(value)} characters in one value")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise LocalProtocolError(f"{value[:80]!r} has no UTF-8") from None


CONNECT = Command(line="connect", reply=Reply.CHANNEL)
"""Ask for the channel's data; the first command of an outbound connection."""

MY_EVENTS = Command(line="myevents")
"""Send us this channel's events, in plain text."""

LINGER = Command(line="linger")
"""Keep the connection after the hang-up, until its events are out."""

EXIT = Command(line="exit")
"""Close the connection in good order."""


def auth(password: str) -> Command:
    """Give the password of mod_event_socket (inbound connections)."""
    return Command(line=f"auth {password}")


def api(line: str) -> Command:
    """Run an API command and wait for its output: `api("show channels count")`."""
    return Command(line=f"api {line}", reply=Reply.API)


def background_api(line: str, job: UUID) -> Command:
    """Run an API command that takes its time; a BACKGROUND_JOB with `job` for its Job-UUID brings
    its output, which may come with the reply itself."""
    return Command(line=f"bgapi {line}", headers={"Job-UUID": str(job)})


def events(*names: str) -> Command:
    """Subscribe to events by name, in plain text (inbound connections)."""
    for name in names:
        if not _WORD.fullmatch(name):
            raise LocalProtocolError(f"{name!r} is no name of an event")
    return Command(line=f"event plain {' '.join(names)}")


def execute(application: str, argument: str = "", *, event_uuid: str = "") -> Command:
    """Run a dialplan application on the channel; `event_uuid` comes back as Application-UUID."""
    if not _WORD.fullmatch(application):
        raise LocalProtocolError(f"{application!r} is no application")
    headers = {"call-command": "execute", "execute-app-name": application}
    if argument:
        headers["execute-app-arg"] = argument
    if event_uuid:
        headers["Event-UUID"] = event_uuid
    return Command(line="sendmsg", headers=headers)


def set_variable(name: str, value: str) -> Command:
    """Set a channel variable."""
    if not _WORD.fullmatch(name):
        raise LocalProtocolError(f"{name!r} is no channel variable")
    return execute("set", f"{name}={value}")


def hang_up(cause: str = "NORMAL_CLEARING") -> Command:
    """End the call with a cause by name (Q.850, as FreeSWITCH spells them)."""
    if not _WORD.fullmatch(cause):
        raise LocalProtocolError(f"{cause!r} is no hangup cause")
    return Command(line="sendmsg", headers={"call-command": "hangup", "hangup-cause": cause})


def resume(call_id: UUID, *, on: bool) -> Command:
    """Whether the dialplan goes on where our connection ends (`socket_resume`). While it does not,
    the end stops nothing that the channel does by then. At once, also while the channel is busy."""
    return api(f"uuid_setvar {call_id} socket_resume {'true' if on else 'false'}")


def unicast(*, local_ip: str, remote_ip: str, remote_port: int) -> Command:
    """Exchange the call's sound with `remote_ip:remote_port` over UDP.

    Only on an answered call whose media is up: before, FreeSWITCH 1.10.12 aborts as a whole
    (switch_ivr.c, assertion 'read_frame').
    """
    return Command(
        line="sendmsg",
        headers={
            "call-command": "unicast",
            "local-ip": local_ip,
            "local-port": "0",
            "remote-ip": remote_ip,
            "remote-port": str(remote_port),
            "transport": "udp",
        },
    )
