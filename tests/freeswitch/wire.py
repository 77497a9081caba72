"""What FreeSWITCH writes, as mod_event_socket writes it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote


def block(headers: Mapping[str, str]) -> bytes:
    """A block of headers, values percent-encoded (switch_event_serialize)."""
    lines = (f"{name}: {quote(value) if value else '_undef_'}\n" for name, value in headers.items())
    return "".join(lines).encode()


def reply(text: str = "+OK") -> bytes:
    """The answer to a command; its text is not encoded."""
    return f"Content-Type: command/reply\nReply-Text: {text}\n\n".encode()


def api_reply(text: str) -> bytes:
    """What an API command printed."""
    body = text.encode()
    return b"Content-Type: api/response\nContent-Length: %d\n\n%s" % (len(body), body)


def event(name: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> bytes:
    """An event in plain text."""
    inner = block({"Event-Name": name, **(headers or {})})
    inner += (b"Content-Length: %d\n\n%s" % (len(body), body)) if body else b"\n"
    return b"Content-Length: %d\nContent-Type: text/event-plain\n\n%s" % (len(inner), inner)


def channel_data(headers: Mapping[str, str]) -> bytes:
    """The answer to `connect`: all of the call, then what it answers with."""
    return (
        block({"Event-Name": "CHANNEL_DATA", **headers})
        + block({"Content-Type": "command/reply", "Reply-Text": "+OK\n"})
        + b"Socket-Mode: async\nControl: full\n\n"
    )


def gone(*, linger: bool = True) -> bytes:
    """The channel is down."""
    how = "linger" if linger else "disconnect"
    return (
        "Content-Type: text/disconnect-notice\nControlled-Session-UUID: u\n"
        f"Content-Disposition: {how}\nContent-Length: 0\n\n"
    ).encode()
