"""What FreeSWITCH tells us about a call, read from the channel's data: pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from ivr.audio.format import AudioFormat
from ivr.errors import IvrError
from ivr.telephony.call import Bridged, CallInfo
from ivr.telephony.freeswitch.commands import plain
from ivr.telephony.freeswitch.errors import RemoteProtocolError
from ivr.telephony.freeswitch.headers import Headers

LINE_RATE = 8000
"""The only rate that is spoken with the switch, in Hz: calls are 8 kHz from end to end."""

_TRUNK_HEADER = "variable_sip_h_x-"
_MOST_TRUNK_HEADERS = 32
_NO_NUMBER = re.compile(r"[^0-9+]")
_NOBODY = frozenset({"stranger", "anonymous"})
"""Trunks of kamailio/identity.cfg whose callers' own word counts for nothing."""
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z]{2,4})?")
_DESTINATION = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class UnsuitableSound(IvrError):
    """The call's codec is none that we can speak."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One call, as FreeSWITCH describes it. What the caller wrote is one line of plain text."""

    id: UUID
    info: CallInfo
    answered: bool
    asks_admission: bool
    """Only whether the call would be taken; it comes again when it would."""
    rings: bool
    """The caller hears it ring, so that the answer to that may take a moment."""
    admitted: bool
    """A worker has said before that the call would be taken."""
    parks: bool
    """`socket ... async`: without it there is no sound."""
    destinations: frozenset[str]
    """Where the dialplan lets us transfer to."""
    endpoints: Mapping[str, str]
    """Destination to dial string: the agents whom the dialplan lets us ask."""
    agent_for: str
    """On an agent's leg: the id of the caller's call, else ""."""

    @classmethod
    def read(cls, data: Headers) -> Channel:
        """Read the answer to `connect`. Raises RemoteProtocolError when it is no call."""
        try:
            call_id = UUID(data.text("Unique-ID"))
        except ValueError:
            raise RemoteProtocolError("channel data without a Unique-ID") from None
        language = data.text("variable_ivr_language")
        called = data.text("variable_ivr_called") or data.text("variable_sip_req_user")
        trunk_headers = _trunk_headers(data)
        number, name = data.text("Caller-Caller-ID-Number"), data.text("Caller-Caller-ID-Name")
        # Of a caller without a number FreeSWITCH keeps the name that their From gives.
        if trunk_headers.get("x-ivr-trunk") in _NOBODY or number.lower() == "anonymous":
            number = name = ""
        if data.text("Caller-Privacy-Hide-Number") == "true":
            number = ""
        if data.text("Caller-Privacy-Hide-Name") == "true":
            name = ""
        variables = {"caller_name": plain(name), "try": plain(data.text("variable_ivr_try"), 8)}
        info = CallInfo(
            # SIP decodes %5B and the like in a number.
            caller=_NO_NUMBER.sub("", number)[:32],
            called=plain(called or data.text("Caller-Destination-Number"), 64),
            language=language if _LANGUAGE.fullmatch(language) else None,
            switch_channel=plain(data.text("Channel-Name")),
            bridged=Bridged.TALKED if data.text("variable_ivr_returned") == "yes" else None,
            variables=variables | trunk_headers,
        )
        names = data.text("variable_ivr_destinations").split(",")
        destinations = frozenset(name for name in names if _DESTINATION.fullmatch(name))
        endpoints = {name: data.text(f"variable_ivr_endpoint_{name}") for name in destinations}
        return cls(
            id=call_id,
            info=info,
            answered=data.text("Answer-State") == "answered",
            asks_admission=data.text("variable_ivr_ask") == "admission",
            rings=data.text("variable_ivr_rings") == "yes",
            admitted=data.text("variable_ivr_admitted") == "yes",
            parks=data.text("Socket-Mode") == "async",
            destinations=destinations,
            endpoints={name: dial for name, dial in endpoints.items() if dial},
            agent_for=plain(data.text("variable_ivr_agent_for"), 64),
        )


def line_format(data: Headers) -> AudioFormat:
    """Return the format of the call's datagrams, from channel data or a CHANNEL_ANSWER.

    Raises UnsuitableSound, naming the codec, for what is not 8 kHz in whole frames.
    """
    codec = plain(data.text("Channel-Read-Codec-Name") or "no codec", 32)
    rate = data.text("Channel-Read-Codec-Rate")
    ptime = data.text("variable_rtp_use_codec_ptime") or "20"
    remedy = "Pin PCMU,PCMA in the SIP profile (ivr_codecs in vars.xml)."
    if rate != str(LINE_RATE):
        raise UnsuitableSound(f"The call came in {codec} at {plain(rate, 16)} Hz.", remedy=remedy)
    if ptime not in ("10", "20", "30", "40", "60"):
        raise UnsuitableSound(
            f"The call came in {codec} in frames of {plain(ptime, 16)} ms.", remedy=remedy
        )
    return AudioFormat(LINE_RATE, int(ptime))


def _trunk_headers(data: Headers) -> dict[str, str]:
    """The caller's or trunk's own SIP headers, by name in lower case ("x-account")."""
    found: dict[str, str] = {}
    for name in data:
        if name.lower().startswith(_TRUNK_HEADER) and len(found) < _MOST_TRUNK_HEADERS:
            short = name[len(_TRUNK_HEADER) - 2 :].lower()
            found.setdefault(plain(short, 64), plain(data[name]))
    return found
