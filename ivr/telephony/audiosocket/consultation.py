"""`Consultation` on Asterisk: the agent's leg comes over AudioSocket under an id of our making."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4, uuid5

from ivr.telephony.audiosocket.control import AgentControl
from ivr.telephony.call import Call, CallHandler, TransferFailed
from ivr.telephony.consultation import AgentUnavailable

if TYPE_CHECKING:
    from ivr.telephony.audiosocket.call import AudioSocketCall

_AGENT_VERSION: Final = 5


def is_agent_id(call_id: UUID) -> bool:
    """Whether an id is an agent's leg: a UUID derived from the caller's, which is random. A
    worker that starts anew knows by it that the leg is no caller."""
    return call_id.version == _AGENT_VERSION


class AsteriskConsultation:
    """See `Consultation`. `expected` is where the server looks up who takes a leg."""

    def __init__(
        self,
        caller: AudioSocketCall,
        agents: AgentControl,
        expected: MutableMapping[UUID, Callable[[AudioSocketCall], None]],
        on_agent: CallHandler,
    ) -> None:
        self._caller = caller
        self._agents = agents
        self._expected = expected
        self._on_agent = on_agent
        self._id = uuid5(caller.id, uuid4().hex)
        self._answered: asyncio.Future[Call] = asyncio.get_running_loop().create_future()
        self._agent: AudioSocketCall | None = None
        self._over = False

    async def ring(self, destination: str, ring_s: float) -> None:
        """Begin to ring. Raises TransferFailed."""
        self._expected[self._id] = self._came
        self._agents.watch_agent(self._id, self._gone)
        try:
            await self._agents.ring_agent(
                self._caller.id, self._id, destination, ring_s=ring_s, caller=self._caller.info
            )
        except BaseException:
            self._forget()
            raise

    async def answered(self) -> Call:
        """See `Consultation`."""
        return await asyncio.shield(self._answered)

    async def bridge(self, *, returns: bool) -> None:
        """See `Consultation`."""
        if self._agent is None or self._agent.ending is not None or self._over:
            raise TransferFailed("No agent is there.")
        await self._caller.leave(
            self._agents.bridge_agent(self._caller.id, self._id, returns=returns),
            "bridged with an agent",
        )
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
        if not self._answered.done() or self._agent is not None:
            await self._agents.dismiss_agent(self._id)
        self._gone("")

    def _came(self, call: AudioSocketCall) -> None:
        self._agent = call
        self._on_agent(call)
        if not self._answered.done():
            self._answered.set_result(call)

    def _gone(self, cause: str) -> None:
        if not self._answered.done():
            self._answered.set_exception(AgentUnavailable("No agent picked up.", cause=cause))
            self._answered.exception()  # taken note of, also when nobody waits

    def _forget(self) -> None:
        self._expected.pop(self._id, None)
        self._agents.watch_agent(self._id, None)
