"""The levels with sound: one caller at one phone, whatever line the phone hangs on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from ivr.audio.format import Audio
from ivr.conversation.rules import TurnRules
from ivr.phone.caller import Caller, Phone
from ivr.phone.handset import CallOver
from ivr.scenarios.call_events import CallEvents, Event, is_answered, last_action, turns
from ivr.scenarios.heard import recognised, scripts, share_heard
from ivr.scenarios.judge import Answer, Mismatch
from ivr.scenarios.outcome import Outcome
from ivr.scenarios.scenario import Step
from ivr.scenarios.speechless import recordings_in
from ivr.speech.recognition.recogniser import Recogniser, RecognitionFailed
from ivr.speech.recordings import Recordings

_ANSWER_S = 45.0
"""The longest the bot may take to answer and be heard out."""
_BREATH_MS = 300.0
"""Silence of the bot that a caller leaves before they speak."""
_DOUBT_S = 0.5
_POLL_S = 0.1
_RECORDED_S = 2.0
"""How long a record may take to arrive."""
_SURELY_OUT_MS = 2000.0
"""The bot is not silent for so long before it has finished."""
_LEAST_HEARD = 1 / 3
"""Share of the bot's words that must be recognised at the phone: far above what a garbled, cut or
wrong answer reaches, far below what a small recogniser does on clean sound."""
_FEWEST_WORDS = 4


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the level can see of the inside; None: nothing."""

    slots: Callable[[], Mapping[str, str]] | None = None
    requests: Callable[[], Sequence[str]] | None = None
    """Requests to integrations so far, as `api POST /transfers`."""
    recordings: Recordings | None = None
    """The sentences that are there where a voice fails."""
    recorded: Callable[[], Awaitable[Iterable[Event]]] | None = None
    """The call's records as events, where events may be lost."""


class SoundCall:
    """One call. `sounds` has the sound of each step that has one. `ear` hears at the caller's end
    whether the bot's words arrive; None: that is not judged."""

    def __init__(
        self,
        phone: Phone,
        events: CallEvents,
        sounds: Mapping[int, Audio],
        *,
        ear: Recogniser | None = None,
        seen: Seen | None = None,
    ) -> None:
        self._phone = phone
        self._caller = Caller(phone, _nothing_else_is_said)
        self._events = events
        self._sounds = sounds
        self._ear = ear
        self._seen = seen or Seen()
        self._turn_from = 0

    async def play(self, outcome: Outcome) -> None:
        """Play the scenario to its end, or to its first wrong answer; the phone is hung up."""
        steps = outcome.loaded.scenario.steps
        try:
            if steps[0].act is not None:
                await self._answered(0, begun=_interrupts(steps, -1), timeout_s=_ANSWER_S)
            for number, step in enumerate(steps):
                answer = await self._take(number, step, interrupted_next=_interrupts(steps, number))
                sound = outcome.note(step, answer)
                if not sound or not await self._was_heard(number, answer, outcome):
                    return
        finally:
            await self._phone.hang_up()

    async def _take(self, number: int, step: Step, *, interrupted_next: bool) -> Answer:
        since = 0 if step.act is None else len(self._events.events)
        requests = self._requests()
        trouble = ""
        patience = _ANSWER_S
        if step.silent is not None:
            patience += TurnRules().silence_rungs_ms[step.silent - 1] / 1000
        if step.act is not None and self._over:
            return Answer(trouble="the call was over already")
        try:
            await self._act(number, step)
            self._turn_from = len(self._phone.handset.record()[1].pcm) if step.act else 0
            if step.act != "hang_up":
                await self._answered(since, begun=interrupted_next, timeout_s=patience)
                await self._heard_out(interrupted_next)
        except TimeoutError:
            trouble = f"no answer within {patience:g} s"
        except CallOver:
            trouble = "" if self._over else "the line went dead"
        return self._answer(step, since, requests, trouble)

    async def _act(self, number: int, step: Step) -> None:
        handset = self._phone.handset
        if step.act is None or step.act == "silent":
            return
        if step.act == "hang_up":
            await self._phone.hang_up()
            return
        if step.interrupt_ms is not None:
            await self._caller.hear_bot_begin()
            await asyncio.sleep(step.interrupt_ms / 1000)
        else:
            await handset.heard_quiet(_BREATH_MS, _ANSWER_S)
        if step.keys is not None:
            await self._phone.press(step.keys)
        else:
            await self._caller.speak(self._sounds[number])

    async def _answered(self, since: int, *, begun: bool, timeout_s: float) -> None:
        """Wait as `CallEvents.answered` does, also where an event got lost."""
        recorded = self._seen.recorded
        if recorded is None:
            await self._events.answered(since, begun=begun, timeout_s=timeout_s)
            return
        events = self._events
        async with asyncio.timeout(timeout_s):
            while True:
                try:
                    await events.answered(since, begun=begun, timeout_s=_DOUBT_S)
                    break
                except TimeoutError:
                    if not self._surely_out(since):
                        events.make_good(await recorded())
                if self._surely_out(since):
                    if not self._phone.ended.is_set():
                        events.note({"event": "state", "state": "listening"})
                    break
        with suppress(TimeoutError):
            async with asyncio.timeout(_RECORDED_S):
                while events.incomplete or not turns(events.events[since:], "bot") or self._dead:
                    events.make_good(await recorded())
                    await asyncio.sleep(_POLL_S)

    def _surely_out(self, since: int) -> bool:
        """Whether the bot has spoken, and been silent for longer than it is within an answer."""
        events = self._events
        return (
            is_answered(events.events[since:], begun=True)
            and events.since_bot_turn_s * 1000 >= _SURELY_OUT_MS
            and self._phone.handset.quiet_ms >= _SURELY_OUT_MS
        )

    @property
    def _dead(self) -> bool:
        """Whether the line is, and nobody has told why."""
        return self._phone.ended.is_set() and not self._over

    async def _heard_out(self, interrupted_next: bool) -> None:
        if interrupted_next:
            await self._caller.hear_bot_begin()
        elif not self._over:
            await self._phone.handset.heard_quiet(_BREATH_MS, _ANSWER_S)

    def _answer(self, step: Step, since: int, requests: int, trouble: str) -> Answer:
        events = self._events.events[since:]
        bot, caller = turns(events, "bot"), turns(events, "caller")
        said = caller[-1] if caller and step.act == "say" else None
        slots, asked = self._seen.slots, self._seen.requests
        action = last_action(events)
        return Answer(
            texts=tuple(str(turn["text"]) for turn in bot),
            intent=str(said.get("intent") or "") if said else None,
            confidence=said.get("confidence") if said else None,
            understood=str(said["text"]) if said else None,
            slots=slots() if slots else None,
            node=str(bot[-1]["node"]) if bot else None,
            language=str(bot[-1]["language"]) if bot else None,
            actions=(*(asked()[requests:] if asked else ()), *([action] if action else [])),
            sees_requests=asked is not None,
            recorded=self._recorded(bot),
            interrupted=any(event["event"] == "barge_in" for event in events),
            gap_ms=self._phone.handset.last_gap_ms if step.act in ("say", "keys") else None,
            trouble=trouble,
        )

    def _recorded(self, bot: Sequence[Event]) -> frozenset[str] | None:
        recordings = self._seen.recordings
        if recordings is None or not bot:
            return None
        return recordings_in(self._bot_sound(), recordings, str(bot[-1]["language"]))

    def _bot_sound(self) -> Audio:
        """What came from the bot since the caller's act."""
        _, bot = self._phone.handset.record()
        return Audio(bot.pcm[self._turn_from :], bot.format)

    async def _was_heard(self, number: int, answer: Answer, outcome: Outcome) -> bool:
        """Hold what the worker says that it said against what arrived."""
        steps = outcome.loaded.scenario.steps
        ear, language = self._ear, answer.language
        if ear is None or language is None or language not in ear.languages:
            return True
        if _interrupts(steps, number) or steps[number].expect.recorded:
            return True
        # What is said in two languages at once, no recogniser understands.
        if len(answer.text.split()) < _FEWEST_WORDS or len(scripts(answer.text)) > 1:
            return True
        try:
            words = await recognised(ear, language, self._bot_sound())
        except RecognitionFailed:
            return True
        if share_heard(answer.text, words) >= _LEAST_HEARD:
            return True
        outcome.mismatches.append(
            Mismatch(
                place=("steps", number),
                what="heard at the phone",
                expected=answer.text,
                came=words or "(nothing)",
            )
        )
        return False

    def _requests(self) -> int:
        asked = self._seen.requests
        return len(asked()) if asked else 0

    @property
    def _over(self) -> bool:
        return any(event["event"] == "call_finished" for event in self._events.events)


def _interrupts(steps: Sequence[Step], number: int) -> bool:
    """Whether the step after this one interrupts its answer."""
    return number + 1 < len(steps) and steps[number + 1].interrupt_ms is not None


async def _nothing_else_is_said(text: str) -> Audio:
    raise AssertionError(f"{text!r} was not made into sound beforehand")
