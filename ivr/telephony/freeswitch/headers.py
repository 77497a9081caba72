"""A block of Event Socket headers, read so that no value can pose as a header.

Rules:
- The block is split on LF first, and on nothing else: VT, NEL, U+2028 and the like are text.
- A value is percent-decoded when it is read, by itself, after the split.
- The first header of a name wins; names are compared without case, as FreeSWITCH does.
- Bytes that are no UTF-8 are read as U+FFFD: text of the caller's must not end the call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import unquote_to_bytes

from ivr.telephony.freeswitch.errors import RemoteProtocolError

MAX_HEADERS = 4096
"""Headers in one block. A call with everything on has about 300."""

_UNDEFINED = b"_undef_"
"""How FreeSWITCH writes an empty value."""


class Headers(Mapping[str, str]):
    """The headers of one block, each decoded when it is asked for."""

    __slots__ = ("_raw",)

    def __init__(self, raw: dict[str, tuple[str, bytes]]) -> None:
        self._raw = raw

    @classmethod
    def parse(cls, block: bytes) -> Headers:
        """Read a block without its closing blank line. Raises RemoteProtocolError."""
        raw: dict[str, tuple[str, bytes]] = {}
        lines = block.split(b"\n")
        if len(lines) > MAX_HEADERS:
            raise RemoteProtocolError(f"{len(lines)} headers in one block")
        for line in lines:
            name, colon, value = line.partition(b":")
            if not colon or not name:
                if line.strip(b"\r"):
                    raise RemoteProtocolError(f"no header: {line[:80]!r}")
                continue
            text = name.decode("utf-8", "replace")
            raw.setdefault(text.lower(), (text, value))
        return cls(raw)

    def __getitem__(self, name: str) -> str:
        value = self._raw[name.lower()][1].strip(b" \r")
        if value == _UNDEFINED:
            return ""
        if b"%" in value:
            value = unquote_to_bytes(value)
        return value.decode("utf-8", "replace")

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._raw.values())

    def __len__(self) -> int:
        return len(self._raw)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._raw

    def __repr__(self) -> str:
        return f"Headers({dict(self)!r})"

    def text(self, name: str) -> str:
        """Return the value, or "" where there is none."""
        return self.get(name, "")
