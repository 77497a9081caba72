"""What leads a caller out of a call: to an agent who is asked first, to another place, or to its
end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from ivr.conversation.attended import AttendedTransfer
from ivr.conversation.consulting import Outcome
from ivr.conversation.records import CallLog
from ivr.conversation.services import Services
from ivr.conversation.speaker import Speaker
from ivr.conversation.states import ConversationState, Whereabouts
from ivr.dialogue.actions import Consult
from ivr.dialogue.inputs import TransferRefused
from ivr.telephony.call import Call, CallEnding, EndedBy, TransferFailed

_log = structlog.get_logger()


class Leaving:
    """The ways out of one call. `before_bridge` is awaited when an agent has said yes: whoever has
    the caller next, this worker or another, must know where they come from."""

    def __init__(
        self,
        call: Call,
        services: Services,
        whereabouts: Whereabouts,
        log: CallLog,
        before_bridge: Callable[[], Awaitable[None]],
    ) -> None:
        self._call = call
        self._services = services
        self._whereabouts = whereabouts
        self._log = log
        self._before_bridge = before_bridge
        self._attended: AttendedTransfer | None = None

    def played(self, mark: int) -> bool:
        """Take the line's word that a sound has left; whether it was music of ours."""
        return self._attended is not None and self._attended.played(mark)

    async def ask_agent(self, destination: str, consult: Consult) -> TransferRefused | None:
        """Let the caller wait while an agent decides. None when they are connected."""
        self._whereabouts.go(ConversationState.CONSULTING)
        attended = self._attended = AttendedTransfer(
            self._call,
            says=consult.says,
            music=self._services.music,
            speaker=self._speaker_for_agent,
            clock=self._services.clock,
            rules=self._services.consult_rules,
        )
        try:
            outcome = await attended.ask(destination, consult.ring_s)
            self._log.agent_asked(destination, outcome)
            if outcome is not Outcome.ACCEPTED:
                return TransferRefused()
            await self._before_bridge()
            self._whereabouts.go(ConversationState.TERMINATING)
            await attended.connect(returns=consult.returns)
        except TransferFailed as refusal:
            _log.warning("transfer_refused", destination=destination, reason=str(refusal))
            return TransferRefused()
        finally:
            self._attended = None
            await attended.close()
        return None

    async def transfer(self, destination: str) -> CallEnding | TransferRefused:
        """Hand the caller over as they are."""
        self._whereabouts.go(ConversationState.TERMINATING)
        try:
            await self._call.transfer(destination)
        except TransferFailed as refusal:
            _log.warning("transfer_refused", destination=destination, reason=str(refusal))
            return TransferRefused()
        return CallEnding(by=EndedBy.BOT, detail=f"transfer to {destination}")

    async def follow(self, verdict: str) -> CallEnding:
        """End our part of the call, and tell the switch where the caller goes."""
        self._whereabouts.go(ConversationState.TERMINATING)
        if verdict in ("", "hangup"):
            await self._call.hang_up()
        else:
            try:
                await self._call.transfer(verdict)
            except TransferFailed:
                await self._call.hang_up()
        return CallEnding(by=EndedBy.BOT, detail=verdict)

    def _speaker_for_agent(self, call: Call, *, on_silent: Callable[[], None]) -> Speaker:
        services = self._services
        return Speaker(
            call,
            services.synthesiser,
            services.voice,
            services.recordings,
            on_sound=lambda say: None,
            on_silent=on_silent,
            on_failure=services.metrics.synthesis_failed,
        )
