"""What the consultations of all switches have in common: an agent's leg that is waited for, and an
answer that is told once.

A switch's own consultation is an `AskedAgent` and adds how to ring, connect and dismiss.
"""

from __future__ import annotations

import abc
import asyncio
from typing import Generic, TypeVar

from ivr.telephony.call import Call, CallHandler, TransferFailed
from ivr.telephony.consultation import AgentUnavailable
from ivr.telephony.leg import Leg

LegT = TypeVar("LegT", bound=Leg)


class AskedAgent(abc.ABC, Generic[LegT]):
    """See `Consultation`. `on_agent` is called with the agent's leg."""

    def __init__(self, on_agent: CallHandler) -> None:
        self._on_agent = on_agent
        self._answered: asyncio.Future[Call] = asyncio.get_running_loop().create_future()
        self._agent: LegT | None = None
        self._over = False

    async def answered(self) -> Call:
        """See `Consultation`."""
        return await asyncio.shield(self._answered)

    async def bridge(self, *, returns: bool) -> None:
        """See `Consultation`."""
        if self._agent is None or self._agent.ending is not None or self._over:
            raise TransferFailed("No agent is there.")
        await self._connect(returns=returns)
        self._over = True
        self._forget()

    async def close(self) -> None:
        """See `Consultation`."""
        if self._over:
            return
        self._over = True
        self._forget()
        if self._agent is not None:
            await self._agent.hang_up()
        await self._dismiss()
        self._gone("")

    @abc.abstractmethod
    async def _connect(self, *, returns: bool) -> None:
        """Give caller and agent to the switch. Raises TransferFailed."""

    @abc.abstractmethod
    async def _dismiss(self) -> None:
        """Let go of an agent who has no leg yet, or no longer. Never raises."""

    @abc.abstractmethod
    def _forget(self) -> None:
        """Wait for no leg any more."""

    def _came(self, leg: LegT) -> None:
        self._agent = leg
        self._on_agent(leg)
        if not self._answered.done():
            self._answered.set_result(leg)

    def _gone(self, cause: str) -> None:
        """Nobody will pick up any more; `cause` is the switch's word for why."""
        if not self._answered.done():
            self._answered.set_exception(AgentUnavailable("No agent picked up.", cause=cause))
            self._answered.exception()  # taken note of, also when nobody waits
