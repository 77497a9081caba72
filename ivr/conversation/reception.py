"""Takes each call that comes, and lets it talk when it is its turn."""

from __future__ import annotations

import asyncio
from uuid import UUID

from ivr.admission.places import RENEW_S, Places
from ivr.conversation.queueing import ASK_EVERY_S, QueueingCaller
from ivr.conversation.services import Services
from ivr.conversation.voice import VoiceConversation
from ivr.telephony.call import Call, CallEnding, EndedBy


class Reception:
    """Answers calls. `places`: what all workers together have; None: this worker alone decides,
    and has decided already."""

    def __init__(self, places: Places | None = None, *, ask_every_s: float = ASK_EVERY_S) -> None:
        self._places = places
        self._ask_every_s = ask_every_s
        self._talking: set[UUID] = set()
        self._renewing: asyncio.Task[None] | None = None

    def take(self, call: Call, services: Services) -> asyncio.Task[None]:
        """Begin, with what the call's conversation is to be given; the task ends when the call is
        over and its records are written."""
        if self._places is None:
            return VoiceConversation(call, services).start()
        # Who listens has to do so before this returns.
        caller = QueueingCaller(call, services, self._places, self._ask_every_s)
        return asyncio.create_task(
            self._in_turn(call, services, caller, self._places), name=f"turn {call.id}"
        )

    async def close(self) -> None:
        """Renew no places any more."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait({self._renewing})

    async def _in_turn(
        self, call: Call, services: Services, caller: QueueingCaller, places: Places
    ) -> None:
        clock = services.clock
        began = None
        try:
            if await caller.may_be_answered():
                began = clock.monotonic()
                self._talking.add(call.id)
                self._keep_places(places)
                await VoiceConversation(call, services).start()
        finally:
            self._talking.discard(call.id)
            talked_s = 0.0 if began is None else clock.monotonic() - began
            await places.leave(call.id, talked_s=talked_s, may_return=_may_return(call.ending))

    def _keep_places(self, places: Places) -> None:
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew(places), name="places")

    async def _renew(self, places: Places) -> None:
        while self._talking:
            await places.renew(tuple(self._talking))
            await asyncio.sleep(RENEW_S)


def _may_return(ending: CallEnding | None) -> bool:
    """Whether the switch may hand the call to another worker: only a caller's own end is sure."""
    return ending is None or ending.by is not EndedBy.CALLER
