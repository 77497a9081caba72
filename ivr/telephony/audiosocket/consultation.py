"""`Consultation` on Asterisk: the agent's leg comes over AudioSocket under an id of our making."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4, uuid5

from ivr.telephony.asked_agent import AskedAgent
from ivr.telephony.audiosocket.control import AgentControl
from ivr.telephony.call import CallHandler

if TYPE_CHECKING:
    from ivr.telephony.audiosocket.call import AudioSocketCall

_AGENT_VERSION: Final = 5


def is_agent_id(call_id: UUID) -> bool:
    """Whether an id is an agent's leg: a UUID derived from the caller's, which is random. A
    worker that starts anew knows by it that the leg is no caller."""
    return call_id.version == _AGENT_VERSION


class AsteriskConsultation(AskedAgent["AudioSocketCall"]):
    """See `Consultation`. `expected` is where the server looks up who takes a leg."""

    def __init__(
        self,
        caller: AudioSocketCall,
        agents: AgentControl,
        expected: MutableMapping[UUID, Callable[[AudioSocketCall], None]],
        on_agent: CallHandler,
    ) -> None:
        super().__init__(on_agent)
        self._caller = caller
        self._agents = agents
        self._expected = expected
        self._id = uuid5(caller.id, uuid4().hex)

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

    async def _connect(self, *, returns: bool) -> None:
        async with self._caller.leaving("bridged with an agent"):
            await self._agents.bridge_agent(self._caller.id, self._id, returns=returns)

    async def _dismiss(self) -> None:
        if not self._answered.done() or self._agent is not None:
            await self._agents.dismiss_agent(self._id)

    def _forget(self) -> None:
        self._expected.pop(self._id, None)
        self._agents.watch_agent(self._id, None)
