"""Asking an agent before the caller is handed over (attended transfer). The agent's leg is a
second call, with an id of its own, that belongs to the caller's.

Rules:
- Until `bridge` the caller stays with us and hears what we play.
- `bridge` gives both to the switch, and our part of both calls ends: no worker is needed while
  two people talk. When the caller hangs up, everything ends. When the agent does, the caller
  comes back as a call with the id it had (`CallInfo.bridged` says how it went), or is let go.
- `close` lets the agent go, whatever stage it has come to; after `bridge` it changes nothing.
- A worker that dies takes the agent's leg with it, and the caller goes on with the next one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ivr.errors import IvrError

if TYPE_CHECKING:
    from ivr.telephony.call import Call


class AgentUnavailable(IvrError):
    """No agent picked up; `cause` is the switch's word for why, "" where it says none."""

    def __init__(self, what: str, *, cause: str = "") -> None:
        super().__init__(what)
        self.cause = cause


class Consultation(Protocol):
    """One agent who is being asked about one caller."""

    async def answered(self) -> Call:
        """Wait until the agent picks up; returns their leg, which has its listener already.

        Raises AgentUnavailable when they refuse, or let it ring for too long.
        """
        ...

    async def bridge(self, *, returns: bool) -> None:
        """Let caller and agent talk; `returns`: the caller comes back when the agent hangs up.

        Raises TransferFailed when the switch would not; the caller is then still with us.
        """

    async def close(self) -> None:
        """Let go of the agent. Never raises; twice is harmless."""
