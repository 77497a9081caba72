"""Playing the demo's scenario against a worker, and keeping what happened."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ivr.audio.format import Audio
from ivr.errors import IvrError
from ivr.phone.caller import Phone
from ivr.phone.handset import Handset
from ivr.scenarios.call_events import CallEvents
from ivr.scenarios.outcome import Outcome
from ivr.scenarios.scenario_file import Loaded, read_scenarios
from ivr.scenarios.sound_level import SoundCall

_EVENTS_S = 3.0
"""How long after the worker's own word of it the bot may take to be heard."""
_POLL_S = 0.02


def script_of(flow: Path) -> Loaded:
    """What a flow's demo plays: the scenario of `scenarios/demo-NAME.yml`, beside the folder that
    the flow is in. Raises IvrError.
    """
    file = flow.resolve().parent.parent / "scenarios" / f"demo-{flow.stem}.yml"
    if not file.exists():
        raise IvrError(
            f"There is no {file}, which says what the demo's caller does.",
            remedy="Write one scenario there; docs/scenarios.md says how.",
        )
    return read_scenarios(file)[0]


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
    interrupts: bool = False
    """Whether the caller spoke into the bot's turn before."""

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
    """What happened in the demo's call. `completed`: the caller got what they came for."""

    turns: list[Turn] = field(default_factory=list)
    completed: bool = False
    trouble: str = ""

    def gap_summary(self) -> dict[str, float | None]:
        """Return p50 and p95 of the gaps, in ms."""
        gaps = sorted(turn.gap_ms for turn in self.turns if turn.gap_ms is not None)
        if not gaps:
            return {"p50": None, "p95": None}
        p95 = gaps[min(len(gaps) - 1, round(0.95 * (len(gaps) - 1)))]
        return {"p50": round(statistics.median(gaps), 1), "p95": round(p95, 1)}


class DemoCall:
    """Plays the script; `show` is told of each turn when it is complete."""

    def __init__(
        self,
        phone: Phone,
        sounds: Mapping[int, Audio],
        told: AsyncIterator[dict[str, Any]],
        show: Callable[[Turn], None],
    ) -> None:
        self._phone = phone
        self._sounds = sounds
        self._told = told
        self._show = show
        self._events = CallEvents()
        self._caller: Turn | None = None
        self.conversation = Conversation()

    async def play(self, script: Loaded) -> Conversation:
        """Ring, play the script, wait for the bot to hang up."""
        outcome = Outcome(loaded=script, level="loopback")
        watching = asyncio.create_task(self._watch())
        try:
            await self._phone.ring()
            await SoundCall(self._phone, self._events, self._sounds).play(outcome)
        except TimeoutError:
            outcome.why = "the bot did not answer in time"
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await self._phone.hang_up()
        self.conversation.completed = outcome.verdict == "passed"
        wrong = [f"{each.what}: {each.expected}" for each in outcome.mismatches]
        self.conversation.trouble = outcome.why or ", ".join(wrong)
        return self.conversation

    async def _watch(self) -> None:
        async for event in self._told:
            self._events.note(event)
            if event.get("event") == "barge_in" and self.conversation.turns:
                self.conversation.turns[-1].interrupted = True
            if event.get("event") == "turn":
                await self._take(event)

    async def _take(self, event: Mapping[str, Any]) -> None:
        """A caller's turn is shown with its answer, once the gap between them is known."""
        text = str(event["text"])
        turn = Turn(
            who=str(event["who"]),
            text=f"presses {text}" if event.get("keyed") else text,
            intent=event.get("intent") or None,
            confidence=event.get("confidence"),
        )
        turns = self.conversation.turns
        if turn.who == "caller":
            turn.interrupts = bool(turns) and turns[-1].interrupted
            turns.append(turn)
            self._caller = turn
            return
        turns.append(turn)
        if self._caller is not None:
            turn.gap_ms = await _gap(self._phone.handset)
            self._show(self._caller)
            self._caller = None
        self._show(turn)


async def _gap(handset: Handset) -> float | None:
    for _ in range(round(_EVENTS_S / _POLL_S)):
        if handset.last_gap_ms is not None:
            break
        await asyncio.sleep(_POLL_S)
    return handset.last_gap_ms
