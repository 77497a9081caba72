"""What goes over the wire between a worker and the synthesis process.

A frame is a header's length (4 bytes, big-endian), the header (a JSON object, UTF-8), and,
where the header has `bytes`, that many bytes of sound: linear 16-bit little-endian mono.

    asked     {"id": 7, "op": "speak", "text": "Hello.", "language": "en",
               "voices": {"espeak": "+f3"}, "rate": 150, "pitch": 50, "timeout_ms": 600}
              {"id": 8, "op": "ping"}
    answered  {"id": 7, "ok": true, "rate": 8000, "bytes": 12800} and the sound
              {"id": 7, "ok": false, "able": false, "error": "espeak-ng has no voice 'xx'."}
              {"id": 8, "ok": true, "kind": "espeak", "engine": "espeak-ng 1.52.0, sound 1",
               "models": {}, "by_clause": false, "spoken": 12}

`able` is false where the engine is well but has no such language or voice. `models` is the model
of each language, empty where the engine speaks any; `spoken` counts the texts that were made.

Requests may be pipelined; a ping overtakes what is being spoken, and ids tell answers apart.
`timeout_ms` says for how long the asker waits: what is later than that is not spoken at all.
Whatever else arrives is a `WireError`, and the connection ends.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from ivr.errors import IvrError

MAX_HEADER = 64 * 1024
"""Bytes; 2,000 characters need 24,000 when all of them are escaped."""

MAX_SOUND = 16 * 1024 * 1024
"""Bytes; 16 minutes at 8,000 Hz."""

_LENGTH = 4


class WireError(Exception):
    """The peer sent what is no frame."""


def encode(header: dict[str, Any], sound: bytes = b"") -> bytes:
    """Return one frame; `bytes` is filled in where there is sound."""
    if sound:
        header = {**header, "bytes": len(sound)}
    raw = json.dumps(header).encode("ascii")
    return len(raw).to_bytes(_LENGTH, "big") + raw + sound


async def read_frame(
    reader: asyncio.StreamReader, *, body_s: float, max_sound: int = MAX_SOUND
) -> tuple[dict[str, Any], bytes]:
    """Read one frame: its header and its sound.

    Waits for a frame for ever, but for the rest of a frame that has begun only `body_s`.
    Raises WireError, EOFError (asyncio.IncompleteReadError) and OSError.
    """
    first = await reader.readexactly(1)
    try:
        async with asyncio.timeout(body_s):
            length = int.from_bytes(first + await reader.readexactly(_LENGTH - 1), "big")
            if not 0 < length <= MAX_HEADER:
                raise WireError(f"a header of {length} bytes")
            header = _object(await reader.readexactly(length))
            size = header.get("bytes", 0)
            if type(size) is not int or not 0 <= size <= max_sound:
                raise WireError(f"{size!r} bytes of sound")
            return header, await reader.readexactly(size)
    except TimeoutError:
        raise WireError(f"a frame that was not complete after {body_s:g} s") from None


def _object(raw: bytes) -> dict[str, Any]:
    try:
        header = json.loads(raw)
    except (ValueError, RecursionError):
        raise WireError("a header that is not JSON") from None
    if not isinstance(header, dict):
        raise WireError("a header that is no JSON object")
    return header


def split_url(url: str) -> tuple[str, int] | str:
    """Return the path of `unix:/path`, or host and port of `tcp://host:port`.

    Raises IvrError for anything else.
    """
    if url.startswith("unix:") and len(url) > len("unix:"):
        return url.removeprefix("unix:")
    host, _, port = url.removeprefix("tcp://").rpartition(":")
    if url.startswith("tcp://") and host and port.isascii() and port.isdigit():
        number = int(port)
        if number < 65536:
            return host.strip("[]"), number
    raise IvrError(
        f"{url!r} is no address of a synthesis process.",
        remedy="Write unix:/path/of/socket or tcp://host:port.",
    )
