"""What AudioSocket itself cannot carry: who rings, and where the caller goes afterwards.

The connection tells us a UUID and sound, nothing else; the rest comes beside it, from the
Asterisk Manager Interface. Everything works without it, only less: language and caller are then
unknown, and a transfer is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol
from uuid import UUID

from ivr.telephony.call import CallInfo


class ChannelControl(Protocol):
    """The switch's control side, correlated with a call by the UUID the dialplan made."""

    async def info(self, call_id: UUID) -> CallInfo | None:
        """What the dialplan announced about the call, of late if it can be had: waits some 250 ms
        for it at most, and at no time when there is no connection. Never raises."""
        ...

    async def set_next(self, call_id: UUID, verdict: str) -> None:
        """Tell the dialplan where to take the caller once the sound connection closes:
        "hangup", or the name of a transfer destination such as "agent".

        Raises TransferFailed when the switch cannot be told.
        """

    def forget(self, call_id: UUID) -> None:
        """The call is over."""


class AgentControl(Protocol):
    """What attended transfers need of the switch, and why calls ended. The agent's leg is known
    by an id that we make, which AudioSocket then carries to us."""

    async def ring_agent(
        self, call_id: UUID, agent_id: UUID, destination: str, *, ring_s: float, caller: CallInfo
    ) -> None:
        """Begin to ring `destination` for the call `call_id`. Raises TransferFailed."""

    async def bridge_agent(self, call_id: UUID, agent_id: UUID, *, returns: bool) -> None:
        """Tell the dialplan that caller and agent talk once the caller's sound connection
        closes; `returns`: the caller comes back afterwards. Raises TransferFailed."""

    async def dismiss_agent(self, agent_id: UUID) -> None:
        """Hang up on the agent, answered or not. Never raises."""

    def watch_agent(self, agent_id: UUID, gone: Callable[[str], None] | None) -> None:
        """Have `gone` called with the cause once the agent's leg has gone; None: no more."""

    async def cause(self, call_id: UUID, within: float) -> str:
        """Why the call ended, as the dialplan tells it within that many seconds, or "". Never
        raises."""
        ...
