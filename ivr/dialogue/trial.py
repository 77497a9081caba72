"""Trying a flow out on some of the callers: who hears which. Pure."""

from __future__ import annotations

import hashlib

from ivr.dialogue.flow import Flow

_WHOLE = 2**64


class Trial:
    """The usual flow, and one that a `share` (0..1) of the callers hears instead.

    A caller hears the same one in every call, on whichever worker: it is a hash of their number
    that decides, together with the name of the flow that is tried. Records name the flow and the
    version that each call was led by.
    """

    def __init__(self, usual: Flow, tried: Flow | None = None, share: float = 0.0) -> None:
        self.usual = usual
        self.tried = tried
        self._share = share

    @property
    def flows(self) -> tuple[Flow, ...]:
        """All that callers may hear."""
        return (self.usual,) if self.tried is None else (self.usual, self.tried)

    def flow_for(self, caller: str, call_id: str) -> Flow:
        """The flow for a caller by number, or for the call where it is withheld ("")."""
        tried = self.tried
        if tried is None:
            return self.usual
        return tried if _part(f"{tried.name}:{caller or call_id}") < self._share else self.usual

    def version(self, version: str) -> Flow | None:
        """The flow of exactly this version, None where it is no longer one of ours."""
        return next((flow for flow in self.flows if flow.version == version), None)


def _part(text: str) -> float:
    """Where `text` lies in 0..1, evenly spread, and the same on every machine."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / _WHOLE
