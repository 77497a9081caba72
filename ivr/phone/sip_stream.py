"""SIP messages in a stream of bytes, as TCP and TLS carry them (RFC 3261 section 18.3)."""

from __future__ import annotations

import re

from ivr.phone.sip_message import MalformedMessage

LONGEST = 65536
"""Bytes of one message; who sends more is no telephone."""

_END = re.compile(rb"\r\n\r\n")
_LENGTH = re.compile(
    rb"\r\n(?:content-length|l)[ \t]*:[ \t]*(\d{1,6})[ \t]*(?=\r\n)", re.IGNORECASE
)


class SipStream:
    """Pieces of a stream in, whole messages out."""

    def __init__(self) -> None:
        self._data = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that `data` completes. Raises MalformedMessage: the stream is lost then,
        because nobody knows where the next message begins."""
        self._data += data
        found: list[bytes] = []
        while True:
            # Empty lines between messages keep a connection open (RFC 5626, 4.4.1).
            self._data = self._data.lstrip(b"\r\n")
            end = _END.search(self._data)
            if end is None:
                if len(self._data) > LONGEST:
                    raise MalformedMessage("headers without an end")
                return found
            length = _LENGTH.search(self._data, 0, end.start() + 2)
            if length is None:
                raise MalformedMessage("a message in a stream without Content-Length")
            whole = end.end() + int(length[1])
            if whole > LONGEST:
                raise MalformedMessage("a message too long")
            if len(self._data) < whole:
                return found
            found.append(self._data[:whole])
            self._data = self._data[whole:]
