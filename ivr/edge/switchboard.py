"""The live calls of a switch, looked at and acted on from outside the workers: what all switches
share, and Asterisk's.

Asterisk: its own connection for each question, over the Manager Interface (Asterisk's "AMI v2
Specification"), with the rights that scripts/asterisk_secret.sh gives: Status, Hangup and Redirect
are of the class "call".
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Protocol

from ivr.errors import IvrError

_LONGEST = 8 << 20
_BREAKS = re.compile(r"[\x00-\x1f\x7f]")
_DESTINATION = re.compile(r"[0-9a-z_-]{1,40}")

Message = Mapping[str, str]


class SwitchboardFault(IvrError):
    """A switch does not answer, or does not do what it was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCall:
    """A call that lives in the switch. `seconds` since its channel was made."""

    id: str
    channel: str
    caller: str
    called: str
    language: str
    seconds: int


class Switchboard(Protocol):
    """The live calls of one switch, or of several."""

    def live(self) -> list[LiveCall]:
        """Every call that has been handed to a worker. Raises IvrError."""

    def hang_up(self, call_id: str) -> LiveCall:
        """End a call, and return what it was. Raises IvrError."""

    def transfer(self, call_id: str, destination: str) -> LiveCall:
        """Take a call from its worker to a destination of the dialplan. Raises IvrError."""


class Switchboards:
    """Several as one: an id says whose call it is. One that does not answer is told of to `away`,
    and passed over, unless none does."""

    def __init__(
        self, boards: Sequence[Switchboard], away: Callable[[str], None] = lambda why: None
    ) -> None:
        self._boards = tuple(boards)
        self._away = away

    def live(self) -> list[LiveCall]:
        """See Switchboard."""
        return [call for _, calls in self._all() for call in calls]

    def hang_up(self, call_id: str) -> LiveCall:
        """See Switchboard."""
        return self._of(call_id).hang_up(call_id)

    def transfer(self, call_id: str, destination: str) -> LiveCall:
        """See Switchboard."""
        checked_destination(destination)
        return self._of(call_id).transfer(call_id, destination)

    def _of(self, call_id: str) -> Switchboard:
        if len(self._boards) == 1:
            return self._boards[0]
        found = self._all()
        call = named([call for _, calls in found for call in calls], call_id)
        return next(board for board, calls in found if call in calls)

    def _all(self) -> list[tuple[Switchboard, list[LiveCall]]]:
        found: list[tuple[Switchboard, list[LiveCall]]] = []
        faults: list[IvrError] = []
        for board in self._boards:
            try:
                found.append((board, board.live()))
            except IvrError as fault:
                faults.append(fault)
        if not found and faults:
            raise faults[0]
        for each in faults:
            self._away(str(each))
        return found


def named(calls: Sequence[LiveCall], call_id: str) -> LiveCall:
    """The one whose id begins so. Raises SwitchboardFault."""
    found = [call for call in calls if call.id.startswith(call_id.lower())]
    if len(found) == 1 and call_id:
        return found[0]
    what = "is the beginning of several calls' ids" if found else "is no live call"
    raise SwitchboardFault(f"{call_id!r} {what}.", remedy="See `ivrctl calls list --live`.")


def checked_destination(destination: str) -> str:
    """A name and nothing else. Raises SwitchboardFault."""
    if not _DESTINATION.fullmatch(destination):
        raise SwitchboardFault(
            f"{destination!r} is no destination.", remedy="Name one, such as agent."
        )
    return destination


class AsteriskCalls:
    """One Asterisk. Blocks: `timeout_s` at most for each answer."""

    def __init__(
        self, host: str, port: int, user: str, secret: str, *, timeout_s: float = 3.0
    ) -> None:
        self._host, self._port = host, port
        self._user, self._secret = user, secret
        self._timeout_s = timeout_s

    def live(self) -> list[LiveCall]:
        """Every call that has been handed to a worker. Raises SwitchboardFault."""
        with self._logged_in() as line:
            found = line.listing(
                "Status", "StatusComplete", Variables="IVR_UUID,IVR_CALLED,CHANNEL(language)"
            )
        return [call for call in map(_live_call, found) if call is not None]

    def hang_up(self, call_id: str) -> LiveCall:
        """End a call, and return what it was. Raises SwitchboardFault."""
        call = named(self.live(), call_id)
        with self._logged_in() as line:
            line.act("Hangup", Channel=call.channel, Cause="16")
        return call

    def transfer(self, call_id: str, destination: str) -> LiveCall:
        """Take a call from its worker to an extension of [ivr-transfer]. Raises
        SwitchboardFault."""
        checked_destination(destination)
        call = named(self.live(), call_id)
        with self._logged_in() as line:
            line.act(
                "Redirect",
                Channel=call.channel,
                Context="ivr-transfer",
                Exten=destination,
                Priority="1",
            )
        return call

    @contextmanager
    def _logged_in(self) -> Iterator[_Line]:
        try:
            with socket.create_connection((self._host, self._port), self._timeout_s) as raw:
                line = _Line(raw)
                line.act("Login", Username=self._user, Secret=self._secret, Events="off")
                yield line
        except OSError as error:
            raise SwitchboardFault(
                f"Asterisk's manager interface at {self._host}:{self._port} does not answer:"
                f" {error.strerror or type(error).__name__}.",
                remedy="Is Asterisk running, and do IVR_AMI_HOST and IVR_AMI_PORT name it?",
            ) from None


class _Line:
    def __init__(self, raw: socket.socket) -> None:
        self._raw = raw
        self._reader = raw.makefile("rb")
        self._reader.readline(200)  # the greeting
        self._ids = count(1)

    def act(self, action: str, **headers: str) -> Message:
        number = self._send(action, headers)
        answer = self._answer(number)
        if answer.get("Response") != "Success":
            raise SwitchboardFault(
                f"Asterisk refuses {action}: {answer.get('Message', 'no reason given')}.",
                remedy="Its user needs the class call; see scripts/asterisk_secret.sh.",
            )
        return answer

    def listing(self, action: str, last: str, **headers: str) -> list[Message]:
        number = self._send(action, headers)
        found: list[Message] = []
        while True:
            message = self._answer(number)
            if message.get("Response") == "Error":
                raise SwitchboardFault(f"Asterisk refuses {action}: {message.get('Message')}.")
            if message.get("Event") == last:
                return found
            if "Event" in message:
                found.append(message)

    def _send(self, action: str, headers: Mapping[str, str]) -> str:
        number = str(next(self._ids))
        lines = [f"Action: {action}", f"ActionID: {number}"]
        lines += [f"{name}: {_BREAKS.sub('', value)}" for name, value in headers.items()]
        self._raw.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return number

    def _answer(self, number: str) -> Message:
        while True:
            message = self._message()
            if message.get("ActionID") == number:
                return message

    def _message(self) -> Message:
        found: dict[str, str] = {}
        taken = 0
        while True:
            raw = self._reader.readline(65536)
            taken += len(raw)
            if not raw or taken > _LONGEST:
                raise SwitchboardFault("Asterisk ended the connection.")
            text = raw.decode("utf-8", "replace").rstrip("\r\n")
            if not text:
                if found:
                    return found
                continue
            name, _, value = text.partition(":")
            if name == "Variable":
                key, _, value = value.strip().partition("=")
                name = f"Variable {key}"
            found.setdefault(name, value.strip())


def _live_call(message: Message) -> LiveCall | None:
    uuid = message.get("Variable IVR_UUID", "")
    if not uuid:
        return None
    seconds = message.get("Seconds", "0")
    return LiveCall(
        id=uuid.lower(),
        channel=message.get("Channel", ""),
        caller=message.get("CallerIDNum", ""),
        called=message.get("Variable IVR_CALLED", ""),
        language=message.get("Variable CHANNEL(language)", message.get("Language", "")),
        seconds=int(seconds) if seconds.isdigit() else 0,
    )
