"""A conversation that does what the caller's keys say, so that a recorded call replays itself.

1   hang up          2   transfer to the agent       3   let go: the next worker has the call
4   stop speaking at once, and say something else
5   ask the agent, and connect the two; who comes back says so
6   ask the agent, and let them go as soon as they pick up
"""

from __future__ import annotations

import asyncio
from typing import Any

from ivr.audio.format import Audio
from ivr.telephony.call import Call, CallEnding, CallHandler
from ivr.telephony.consultation import AgentUnavailable
from tests.tones import tone

GREETING, ANSWER = tone(1100, 600), tone(1300, 300)


class ScriptedConversation:
    """One call's listener; `told` is all that the line told it, as data."""

    def __init__(self, call: Call, take: CallHandler) -> None:
        self._call = call
        self._take = take
        self._tasks: set[asyncio.Task[None]] = set()
        self.frames = 0
        self.told: dict[str, Any] = {
            "id": str(call.id),
            "caller": call.info.caller,
            "called": call.info.called,
            "language": call.info.language,
            "frame_bytes": call.format.frame_bytes,
            "digits": "",
            "marks": [],
            "ending": None,
        }
        if call.info.bridged is not None:
            self.told["bridged"] = call.info.bridged.value
        call.attach(self)
        call.play(GREETING if call.format.ptime_ms == 20 else _silence_of(call), mark=1)

    def audio_received(self, frame: bytes) -> None:
        """See CallListener."""
        self.frames += 1

    def digit_received(self, digit: str) -> None:
        """See CallListener."""
        self.told["digits"] += digit
        match digit:
            case "1":
                self._soon(self._call.hang_up())
            case "2":
                self._soon(self._call.transfer("agent"))
            case "3":
                self._call.drop()
            case "4":
                self._call.clear()
                self._call.play(ANSWER, mark=2)
            case "5" | "6":
                self._soon(self._ask_agent(connect=digit == "5"))

    def played(self, mark: int) -> None:
        """See CallListener."""
        self.told["marks"].append(mark)

    def ended(self, ending: CallEnding) -> None:
        """See CallListener."""
        self.told["ending"] = [ending.by.value, ending.detail]

    async def _ask_agent(self, *, connect: bool) -> None:
        consultation = await self._call.consult("agent", ring_s=9.0, on_agent=self._take)
        try:
            await consultation.answered()
        except AgentUnavailable as nobody:
            self.told["agent"] = nobody.cause
            return
        self.told["agent"] = "picked up"
        if connect:
            await consultation.bridge(returns=True)
        else:
            await consultation.close()

    def _soon(self, doing: Any) -> None:
        task = asyncio.ensure_future(doing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class ScriptedConversations:
    """Takes each call with a ScriptedConversation."""

    def __init__(self) -> None:
        self.all: list[ScriptedConversation] = []

    def __call__(self, call: Call) -> None:
        self.all.append(ScriptedConversation(call, self))

    @property
    def told(self) -> list[dict[str, Any]]:
        """What each was told, in the order of the calls."""
        return [each.told for each in self.all]


def _silence_of(call: Call) -> Audio:
    return Audio(bytes(call.format.frame_bytes * 3), call.format)
