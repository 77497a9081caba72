"""What two phones agree on before they send sound (RFC 4566, RFC 3264), for G.711 and keys."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from ipaddress import ip_address

from ivr.audio.g711 import LAWS, Law
from ivr.phone.srtp import MalformedCrypto, MasterKey


class MalformedSdp(Exception):
    """A session description without a usable audio stream; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaDescription:
    """One audio stream: where to send, in which codecs (best first), the payload type of keys
    (RFC 4733), None where the far side takes none, and what its sender encrypts with, None for
    sound in the clear."""

    host: str
    port: int
    codecs: tuple[Law, ...]
    event_type: int | None = 101
    secured_by: MasterKey | None = None

    def encode(self, *, session: int = 1, version: int = 1) -> bytes:
        """The description on the wire; `version` grows with each new one of a session."""
        family = "IP6" if ":" in self.host else "IP4"
        types = [str(codec.payload_type) for codec in self.codecs]
        lines = [
            "v=0",
            f"o=- {session} {version} IN {family} {self.host}",
            "s=-",
            f"c=IN {family} {self.host}",
            "t=0 0",
        ]
        attributes = [
            f"a=rtpmap:{codec.payload_type} {codec.encoding}/8000" for codec in self.codecs
        ]
        if self.event_type is not None:
            types.append(str(self.event_type))
            attributes.append(f"a=rtpmap:{self.event_type} telephone-event/8000")
            attributes.append(f"a=fmtp:{self.event_type} 0-15")
        if self.secured_by is not None:
            attributes.append(f"a=crypto:{self.secured_by.encode()}")
        profile = "RTP/AVP" if self.secured_by is None else "RTP/SAVP"
        lines.append(f"m=audio {self.port} {profile} {' '.join(types)}")
        lines += attributes
        lines += ["a=ptime:20", "a=sendrecv"]
        return ("\r\n".join(lines) + "\r\n").encode()


def parse_sdp(body: bytes) -> MediaDescription:
    """The first audio stream described. Raises MalformedSdp, never anything else."""
    host = ""
    port = 0
    offered: list[int] = []
    maps: dict[int, str] = {}
    secure = False
    key: MasterKey | None = None
    section = "session"
    for line in body.decode("utf-8", "replace").replace("\r\n", "\n").split("\n"):
        kind, _, value = line.partition("=")
        if kind == "m":
            if section == "audio":
                break
            parts = value.split()
            section = parts[0] if parts else ""
            if section == "audio":
                port, offered = _audio(parts)
                secure = parts[2].startswith("RTP/SAVP")
        elif kind == "c" and section in ("session", "audio"):
            host = _host(value)
        elif kind == "a" and section == "audio" and value.startswith("rtpmap:"):
            number, _, name = value.removeprefix("rtpmap:").partition(" ")
            maps[_small_number(number, 127)] = name.strip().lower()
        elif kind == "a" and section == "audio" and value.startswith("crypto:") and key is None:
            with contextlib.suppress(MalformedCrypto):  # another one may follow
                key = MasterKey.parse(value.removeprefix("crypto:"))
    if secure and key is None:
        raise MalformedSdp("secure sound without a key of a suite that this phone knows")
    if not host or not offered:
        raise MalformedSdp("no audio stream with an address")
    agreed = _agreed(host, port, offered, maps)
    return replace(agreed, secured_by=key) if secure else agreed


def _agreed(host: str, port: int, offered: list[int], maps: dict[int, str]) -> MediaDescription:
    codecs = tuple(
        law
        for law in map(LAWS.get, offered)
        if law is not None
        and maps.get(law.payload_type, f"{law.encoding}/8000").upper() == f"{law.encoding}/8000"
    )
    if not codecs:
        raise MalformedSdp("no codec that this phone knows")
    events = [number for number in offered if maps.get(number) == "telephone-event/8000"]
    return MediaDescription(
        host=host, port=port, codecs=codecs, event_type=events[0] if events else None
    )


def _audio(parts: list[str]) -> tuple[int, list[int]]:
    if len(parts) < 4:
        raise MalformedSdp("a media line of less than four parts")
    return _small_number(parts[1], 65535), [_small_number(part, 127) for part in parts[3:]]


def _host(value: str) -> str:
    parts = value.split()
    if len(parts) != 3:
        raise MalformedSdp("a connection line of other than three parts")
    try:
        return str(ip_address(parts[2]))
    except ValueError:
        raise MalformedSdp("a connection address that is none") from None


def _small_number(text: str, most: int) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= most:
        return int(text)
    raise MalformedSdp("a number that is none, or too large")
