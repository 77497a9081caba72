"""What the dialplan announced about the calls that are up: pure, bounded, forgetful.

The dialplan's UserEvents `IvrStart` and `IvrEnd` (asterisk/extensions.conf) come to every worker,
and a call may come to this one an hour after it was first announced. An announcement in which one
of our headers stands twice was forged, and is not believed.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import unquote
from uuid import UUID

import structlog

from ivr.telephony.call import Bridged, CallInfo

log = structlog.get_logger(__name__)

MOST = 10_000
"""So many calls are remembered; then the oldest goes."""

KEPT_S = 2 * 3600.0
"""No call lasts longer than this."""

FRESH_S = 0.5
"""An announcement this old may be of an earlier try: the dialplan announces a call each time it
takes it to a worker, and what it says then comes on another connection than the call."""

LINGER_S = 60.0
"""A call that is over for us may come back within this time: the dialplan tries workers anew."""

OURS = (
    "Channel",
    "UserEvent",
    "UUID",
    "Caller",
    "CallerName",
    "Called",
    "IvrLanguage",
    "Try",
    "Bridged",
    "Trunk",
    "Cause",
    "Status",
)
"""The headers that are read: the channel's own and what the dialplan adds."""

_MOST_TRUNK_HEADERS = 32
_TRUNK_HEADER = re.compile(r"x-[a-z0-9-]{1,62}")
_BRIDGED = {"SUCCESS": Bridged.TALKED, "": None}
"""Asterisk's BRIDGERESULT; anything else is a failure."""

_LANGUAGE = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z]{2,4})?")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class _Entry:
    info: CallInfo
    heard: float
    until: float


class Announcements:
    """Who rings whom, by the UUID of the call. Times are of one monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._entries: OrderedDict[UUID, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def hear(self, event: Mapping[str, object], now: float) -> UUID | None:
        """Take in a UserEvent. Returns the call that was announced, None for anything else."""
        if any(name in event and not isinstance(event[name], str) for name in OURS):
            log.warning("announcement_forged")
            return None
        name = _text(event, "UserEvent")
        if name not in ("IvrStart", "IvrEnd"):
            return None
        call_id = uuid_of(event)
        if call_id is None:
            return None
        if name == "IvrEnd":
            self.forget(call_id, now)
            return None
        self._entries[call_id] = _Entry(_info(event), now, now + KEPT_S)
        self._entries.move_to_end(call_id)
        self._prune(now)
        return call_id

    def get(self, call_id: UUID, now: float) -> CallInfo | None:
        """What is known about the call."""
        entry = self._entries.get(call_id)
        return entry.info if entry is not None and now < entry.until else None

    def is_fresh(self, call_id: UUID, now: float) -> bool:
        """Whether what is known was told for this try; see `FRESH_S`."""
        entry = self._entries.get(call_id)
        return entry is not None and now - entry.heard < FRESH_S

    def forget(self, call_id: UUID, now: float) -> None:
        """The call is over here; it is remembered for `LINGER_S` more."""
        entry = self._entries.get(call_id)
        if entry is not None:
            self._entries[call_id] = replace(entry, until=min(entry.until, now + LINGER_S))

    def _prune(self, now: float) -> None:
        if len(self._entries) > MOST:
            self._entries.popitem(last=False)
        # The oldest few each time: old ones lie in front, and the cost stays the same.
        for call_id in [key for _, key in zip(range(8), self._entries, strict=False)]:
            if now >= self._entries[call_id].until:
                del self._entries[call_id]


_WITHHELD = "prohib"
"""How Asterisk's names begin for a number that its caller wishes not to be shown."""


def uuid_of(event: Mapping[str, object]) -> UUID | None:
    """The call that a UserEvent is about."""
    try:
        return UUID(_text(event, "UUID"))
    except ValueError:
        return None


def _info(event: Mapping[str, object]) -> CallInfo:
    language = _text(event, "IvrLanguage")
    return CallInfo(
        caller="" if _text(event, "Presentation").startswith(_WITHHELD) else _text(event, "Caller"),
        called=_text(event, "Called"),
        language=language if _LANGUAGE.fullmatch(language) else None,
        switch_channel=_text(event, "Channel"),
        bridged=_BRIDGED.get(_text(event, "Bridged"), Bridged.FAILED),
        variables={
            "caller_name": _printable(unquote(_text(event, "CallerName"))),
            "try": _text(event, "Try"),
        }
        | _trunk_headers(_text(event, "Trunk", 16384)),
    )


def _trunk_headers(told: str) -> dict[str, str]:
    """The trunk's own SIP headers, from `x-account=4471&x-name=A%20B`."""
    found: dict[str, str] = {}
    for pair in told.split("&", _MOST_TRUNK_HEADERS)[:_MOST_TRUNK_HEADERS]:
        name, _, value = pair.partition("=")
        if _TRUNK_HEADER.fullmatch(name.lower()):
            found.setdefault(name.lower(), _printable(unquote(value)))
    return found


def _text(event: Mapping[str, object], name: str, longest: int = 256) -> str:
    value = event[name] if name in event else ""  # noqa: SIM401 (panoramisk's get differs)
    return _printable(value if isinstance(value, str) else "", longest)


def _printable(text: str, longest: int = 256) -> str:
    return _UNPRINTABLE.sub("", text)[:longest].strip()
