"""What AudioSocket itself cannot carry: who rings, and where the caller goes afterwards.

The connection tells us a UUID and sound, nothing else; the rest comes beside it, from the
Asterisk Manager Interface. Everything works without it, only less: language and caller are then
unknown, and a transfer is refused.
"""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from ivr.telephony.call import CallInfo


class ChannelControl(Protocol):
    """The switch's control side, correlated with a call by the UUID the dialplan made."""

    async def info(self, call_id: UUID) -> CallInfo | None:
        """What the dialplan announced about the call; waits some 250 ms for it at most and at
        no time when there is no connection. Never raises."""
        ...

    async def set_next(self, call_id: UUID, verdict: str) -> None:
        """Tell the dialplan where to take the caller once the sound connection closes:
        "hangup", or the name of a transfer destination such as "agent".

        Raises TransferFailed when the switch cannot be told.
        """

    def forget(self, call_id: UUID) -> None:
        """The call is over."""
