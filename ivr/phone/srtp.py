"""Sound that nobody on the way can hear: SRTP (RFC 3711), with keys that travel in the session
description (RFC 4568), by libsrtp."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ivr.errors import IvrError

if TYPE_CHECKING:
    from pylibsrtp import Session

SUITE = "AES_CM_128_HMAC_SHA1_80"
"""The one suite that everybody who speaks SDES has (RFC 4568, section 6.2)."""

KEY_BYTES = 30
"""A master key of 16 bytes, a master salt of 14."""

_CRYPTO = re.compile(r"(?P<tag>\d{1,9}) (?P<suite>\w+) inline:(?P<key>[A-Za-z0-9+/=]{1,200})")


class MalformedCrypto(Exception):
    """A crypto attribute that is none, or of another suite; the text says why."""


class SrtpFault(Exception):
    """A packet that cannot be trusted, or that could not be encrypted."""


@dataclass(frozen=True, slots=True)
class MasterKey:
    """What one side encrypts with; never shown."""

    tag: int
    key: bytes

    @classmethod
    def new(cls) -> MasterKey:
        """A random one."""
        return cls(1, secrets.token_bytes(KEY_BYTES))

    @classmethod
    def parse(cls, value: str) -> MasterKey:
        """The value of an `a=crypto:` line. Raises MalformedCrypto."""
        found = _CRYPTO.match(value)
        if found is None:
            raise MalformedCrypto("a crypto attribute without an inline key")
        if found["suite"] != SUITE:
            raise MalformedCrypto("another suite than ours")
        try:
            key = base64.b64decode(found["key"], validate=True)
        except binascii.Error:
            raise MalformedCrypto("a key that is no base64") from None
        if len(key) != KEY_BYTES:
            raise MalformedCrypto("a key of another length than 30 bytes")
        return cls(int(found["tag"]), key)

    def encode(self) -> str:
        """The value of an `a=crypto:` line."""
        return f"{self.tag} {SUITE} inline:{base64.b64encode(self.key).decode()}"

    def __repr__(self) -> str:
        return f"MasterKey(tag={self.tag})"


class SecureSound:
    """Both directions of one stream. Raises IvrError where pylibsrtp is not installed."""

    def __init__(self, own: MasterKey, theirs: MasterKey) -> None:
        try:
            from pylibsrtp import Error, Policy, Session  # noqa: PLC0415 - only who encrypts
        except ImportError:
            raise IvrError(
                "SRTP needs pylibsrtp, which is not installed.", remedy="pip install 'ivr[srtp]'"
            ) from None
        self._error = Error
        self._out: Session = Session(Policy(own.key, ssrc_type=Policy.SSRC_ANY_OUTBOUND))
        self._in: Session = Session(Policy(theirs.key, ssrc_type=Policy.SSRC_ANY_INBOUND))

    def protect(self, packet: bytes) -> bytes:
        """An RTP packet, encrypted. Raises SrtpFault."""
        try:
            return self._out.protect(packet)
        except (self._error, ValueError) as error:
            raise SrtpFault(str(error)) from None

    def unprotect(self, packet: bytes) -> bytes:
        """The RTP packet in what has come. Raises SrtpFault: forged, repeated or broken."""
        try:
            return self._in.unprotect(packet)
        except (self._error, ValueError) as error:
            raise SrtpFault(str(error)) from None
