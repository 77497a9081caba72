"""SIP messages: bytes in, requests and responses out, and back (RFC 3261 section 7).

Whatever arrives, `parse` returns a message or raises MalformedMessage, never anything else.
What goes out can hold no line break that its maker did not put there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

VERSION = "SIP/2.0"

_COMPACT = {
    "v": "Via",
    "f": "From",
    "t": "To",
    "i": "Call-ID",
    "m": "Contact",
    "l": "Content-Length",
    "c": "Content-Type",
    "k": "Supported",
    "s": "Subject",
    "e": "Content-Encoding",
}
"""RFC 3261 section 7.3.3."""

_TOKEN = re.compile(r"[A-Za-z0-9.!%*_+`'~-]+")
_TAG = re.compile(r";\s*tag\s*=\s*([A-Za-z0-9.!%*_+`'~-]+)", re.IGNORECASE)
_BRANCH = re.compile(r";\s*branch\s*=\s*([A-Za-z0-9.!%*_+`'~-]+)", re.IGNORECASE)
_BRACKETED = re.compile(r"<([^<>]*)>")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')

Headers = tuple[tuple[str, str], ...]
"""Names and values in the order of the message."""


class MalformedMessage(Exception):
    """What arrived is no SIP message; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    headers: Headers = ()
    body: bytes = b""

    def all(self, name: str) -> Iterator[str]:
        """Every value of the header, in order; names are compared without case."""
        wanted = name.lower()
        return (value for key, value in self.headers if key.lower() == wanted)

    def get(self, name: str) -> str:
        """The header's first value, or an empty text."""
        return next(self.all(name), "")

    def _encode(self, start_line: str) -> bytes:
        lines = [start_line]
        for name, value in self.headers:
            if name.lower() != "content-length":
                lines.append(f"{name}: {value}")
        for line in lines:
            if "\r" in line or "\n" in line:
                raise ValueError(f"a line break inside {line!r}")
        lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


@dataclass(frozen=True, slots=True, kw_only=True)
class SipRequest(_Message):
    """A request: `method` in capitals, `uri` as it stands in the start line."""

    method: str
    uri: str

    def encode(self) -> bytes:
        """The message on the wire. Raises ValueError when a value holds a line break."""
        return self._encode(f"{self.method} {self.uri} {VERSION}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SipResponse(_Message):
    """A response: `status` 100..699."""

    status: int
    reason: str = ""

    def encode(self) -> bytes:
        """The message on the wire. Raises ValueError when a value holds a line break."""
        return self._encode(f"{VERSION} {self.status} {self.reason}")


SipMessage = SipRequest | SipResponse


def parse(datagram: bytes) -> SipMessage:
    """The message in a datagram. Raises MalformedMessage.

    Lenient where RFC 3261 asks for it: folded lines, compact names, lone line feeds, text that
    is no UTF-8. A Content-Length that says more than has come is refused, one that says less
    cuts the body (section 18.3).
    """
    head, body = _split(datagram.lstrip(b"\r\n"))
    lines = _unfold(head)
    if not lines:
        raise MalformedMessage("an empty message")
    headers = tuple(_header(line) for line in lines[1:])
    body = _measured(headers, body)
    first = lines[0].split(" ", 2)
    if len(first) != 3:
        raise MalformedMessage("a start line of less than three parts")
    if first[0].upper() == VERSION:
        status = first[1]
        if not (len(status) == 3 and status.isascii() and status.isdigit() and status[0] >= "1"):
            raise MalformedMessage("a status that is no number of three digits")
        return SipResponse(status=int(status), reason=first[2], headers=headers, body=body)
    method, uri, version = first
    if version.strip().upper() != VERSION:
        raise MalformedMessage("another protocol than SIP/2.0")
    if not _TOKEN.fullmatch(method) or not uri:
        raise MalformedMessage("a method or address that is none")
    return SipRequest(method=method, uri=uri, headers=headers, body=body)


def tag(value: str) -> str:
    """The tag of a From or To value, or an empty text."""
    return _parameter(_TAG, value)


def branch(value: str) -> str:
    """The branch of a Via value, or an empty text."""
    return _parameter(_BRANCH, value)


def address(value: str) -> str:
    """The URI inside a Contact, From, To, Route or Record-Route value."""
    bracketed = _BRACKETED.search(_QUOTED.sub("", value))
    return bracketed.group(1) if bracketed else value.split(";", 1)[0].strip()


def cseq(message: SipMessage) -> tuple[int, str]:
    """Number and method of the CSeq header; (-1, "") where there is no sound one."""
    number, _, method = message.get("CSeq").partition(" ")
    if number.isascii() and number.isdigit() and len(number) <= 10:
        return int(number), method.strip().upper()
    return -1, ""


def quoted(text: str) -> str:
    """`text` as a display name (RFC 3261 section 25.1, quoted-string)."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _parameter(pattern: re.Pattern[str], value: str) -> str:
    outside = _BRACKETED.sub("", _QUOTED.sub("", value))
    found = pattern.search(outside)
    return found.group(1) if found else ""


def _split(datagram: bytes) -> tuple[str, bytes]:
    end = re.search(rb"\r?\n\r?\n", datagram)
    if end is None:
        raise MalformedMessage("no empty line after the headers")
    return datagram[: end.start()].decode("utf-8", "replace"), datagram[end.end() :]


def _unfold(head: str) -> list[str]:
    lines: list[str] = []
    for raw in re.split(r"\r?\n", head):
        line = raw.replace("\r", " ")
        if line[:1] in (" ", "\t") and len(lines) > 1:
            lines[-1] = f"{lines[-1].rstrip()} {line.strip()}"
        else:
            lines.append(line)
    return lines


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    name = name.strip()
    if not colon or not _TOKEN.fullmatch(name):
        raise MalformedMessage("a header line without a name")
    return _COMPACT.get(name.lower(), name), value.strip()


def _measured(headers: Headers, body: bytes) -> bytes:
    for name, value in headers:
        if name.lower() != "content-length":
            continue
        if not (value.isascii() and value.isdigit() and len(value) <= 9):
            raise MalformedMessage("a Content-Length that is no number")
        if int(value) > len(body):
            raise MalformedMessage("a body shorter than its Content-Length")
        return body[: int(value)]
    return body
