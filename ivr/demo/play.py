"""Playing the demo's script against a worker, and keeping what happened."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from ivr.audio.format import Audio
from ivr.demo.script import GOALS, SCRIPT, Line
from ivr.phone.caller import Caller, Phone
from ivr.phone.handset import CallOver

_EVENTS_S = 3.0
"""How long after the bot is heard the worker's own word of it may take."""
_GOODBYE_S = 15.0


@dataclass(slots=True, kw_only=True)
class Turn:
    """One turn as the demo shows it. `gap_ms` is measured at the phone: from the end of the
    caller's speech, or the key, to the first sound of the answer."""

    who: str
    text: str
    intent: str | None = None
    confidence: float | None = None
    gap_ms: float | None = None
    interrupted: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the turn as the `--json` document has it."""
        return {
            "who": self.who,
            "text": self.text,
            "intent": self.intent,
            "confidence": self.confidence,
            "gap_ms": None if self.gap_ms is None else round(self.gap_ms, 1),
            "interrupted": self.interrupted,
        }


@dataclass(slots=True)
class Conversation:
    """What happened in the demo's call."""

    turns: list[Turn] = field(default_factory=list)
    ended_by_bot: bool = False
    trouble: str = ""

    @property
    def gaps_ms(self) -> list[float]:
        """Every gap that was measured, in order."""
        return [turn.gap_ms for turn in self.turns if turn.gap_ms is not None]

    @property
    def completed(self) -> bool:
        """Whether the caller got what they came for."""
        said = " ".join(turn.text.lower() for turn in self.turns if turn.who == "bot")
        interrupted = any(turn.interrupted for turn in self.turns)
        return (
            not self.trouble
            and self.ended_by_bot
            and interrupted
            and all(goal in said for goal in GOALS)
        )

    def gap_summary(self) -> dict[str, float | None]:
        """Return p50 and p95 of the gaps, in ms."""
        gaps = sorted(self.gaps_ms)
        if not gaps:
            return {"p50": None, "p95": None}
        p95 = gaps[min(len(gaps) - 1, round(0.95 * (len(gaps) - 1)))]
        return {"p50": round(statistics.median(gaps), 1), "p95": round(p95, 1)}


class DemoCall:
    """Plays the script; `show` is told of each turn when it is complete."""

    def __init__(
        self,
        phone: Phone,
        voice: Callable[[str], Awaitable[Audio]],
        events: AsyncIterator[dict[str, Any]],
        show: Callable[[Turn], None],
    ) -> None:
        self._caller = Caller(phone, voice)
        self._voice = voice
        self._phone = phone
        self._events = events
        self._show = show
        self._happened = asyncio.Condition()
        self._bot_turns = 0
        self._awaiting: list[Turn] = []
        self.conversation = Conversation()

    async def play(self) -> Conversation:
        """Ring, play the script, wait for the bot to hang up."""
        watching = asyncio.create_task(self._watch())
        try:
            sounds = {line.say: await self._voice(line.say) for line in SCRIPT if line.say}
            await self._phone.ring()
            await self._caller.hear_bot_out()
            for line in SCRIPT:
                await self._play(line, sounds)
            await asyncio.wait_for(self._phone.ended.wait(), _GOODBYE_S)
            self.conversation.ended_by_bot = True
        except TimeoutError:
            self.conversation.trouble = "the bot did not answer in time"
        except CallOver:
            self.conversation.trouble = "the call ended before the script did"
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await self._phone.hang_up()
        return self.conversation

    async def _play(self, line: Line, sounds: dict[str, Audio]) -> None:
        before = self._bot_turns
        if line.interrupt_ms is not None:
            await self._caller.hear_bot_begin()
            await asyncio.sleep(line.interrupt_ms / 1000)
        if line.keys:
            await self._caller.press(line.keys)
        else:
            await self._caller.speak(sounds[line.say])
        await self._caller.hear_bot_begin_answer()
        gap = self._phone.handset.last_gap_ms
        async with asyncio.timeout(_EVENTS_S), self._happened:
            await self._happened.wait_for(lambda: self._bot_turns > before)
        for turn in self.conversation.turns[::-1]:
            if turn.who == "bot":
                turn.gap_ms = gap
                break
        self._flush()
        following = SCRIPT[SCRIPT.index(line) + 1 :][:1]
        if following and following[0].interrupt_ms is None:
            await self._caller.hear_bot_out()

    async def _watch(self) -> None:
        async for event in self._events:
            async with self._happened:
                self._note(event)
                self._happened.notify_all()

    def _note(self, event: dict[str, Any]) -> None:
        if event.get("event") == "barge_in":
            for turn in self.conversation.turns[::-1]:
                if turn.who == "bot":
                    turn.interrupted = True
                    return
        if event.get("event") != "turn":
            return
        keyed = bool(event.get("keyed"))
        turn = Turn(
            who=str(event["who"]),
            text=f"presses {event['text']}" if keyed else str(event["text"]),
            intent=event.get("intent") or None,
            confidence=event.get("confidence"),
        )
        self.conversation.turns.append(turn)
        self._awaiting.append(turn)
        if turn.who == "bot":
            self._bot_turns += 1
            if self._bot_turns == 1:
                self._flush()

    def _flush(self) -> None:
        for turn in self._awaiting:
            self._show(turn)
        self._awaiting.clear()
