"""The level without sound: the pure executor, the real interpreter, the example bank."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from ivr.conversation.clauses import clauses
from ivr.conversation.keys import KeyCollector
from ivr.dialogue.actions import (
    Action,
    CallApi,
    DigitEntry,
    HangUp,
    Listen,
    RecordMessage,
    Say,
    TransferTo,
)
from ivr.dialogue.executor import begin, step
from ivr.dialogue.flow import Flow
from ivr.dialogue.inputs import (
    Input,
    Keyed,
    LineQuality,
    MessageRecorded,
    Resumed,
    Returned,
    Said,
    Silence,
    Started,
    TransferRefused,
)
from ivr.dialogue.returning import CallSummary, Returning, may_return, summarise
from ivr.dialogue.state import DialogueState
from ivr.nlu.interpreter import Interpretation, Interpreter
from ivr.scenarios.judge import Answer
from ivr.scenarios.outcome import Outcome
from ivr.scenarios.scenario import UNKNOWN, RingsAgain, Step, spoken_parts
from ivr.scenarios.scenario_file import Loaded
from ivr.scenarios.world import World, world_in_process

_SURE = 0.95
"""What a recogniser that heard well says of its words."""
_NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
"""A Friday morning; the same in every run."""
_CHARACTERS_A_SECOND = 14.0
"""How fast bots speak, to guess what had been heard when a caller interrupted."""
_MOST_STEPS = 32
"""Steps of the executor that one act of the caller may lead to."""


async def play_text(loaded: Loaded, flow: Flow, interpreter: Interpreter, outcome: Outcome) -> None:
    """Play a scenario to its end, or to its first wrong answer."""
    async with world_in_process(loaded.scenario, flow) as world:
        call = _TextCall(loaded, flow, interpreter, world)
        for each in loaded.scenario.steps:
            if not outcome.note(each, await call.do(each)):
                return
        outcome.note_bank(world.done())


class _TextCall:
    """One dialogue under way."""

    def __init__(self, loaded: Loaded, flow: Flow, interpreter: Interpreter, world: World) -> None:
        self._loaded = loaded
        self._flow = flow
        self._interpreter = interpreter
        self._world = world
        self._state = begin(flow)
        self._wait: Action | None = None
        self._ids = itertools.count(1)
        self._now = _NOW
        self._returning: Returning | None = None
        self._withheld = False
        self._unheard: tuple[str, ...] = ()
        self._texts: list[str] = []
        self._actions: list[str] = []

    async def do(self, each: Step) -> Answer:
        """Let the caller act; returns what comes back."""
        interrupted = " ".join(self._texts)
        self._unheard = unheard(interrupted, each.interrupt_ms)
        self._texts, self._actions = [], []
        meaning: Interpretation | None = None
        over = isinstance(self._wait, HangUp | TransferTo)
        if over and not (each.returned or each.rings_again):
            return Answer(trouble="the call was over already")
        if self._wait is None:
            await self._begin(opening=each.act is None)
        if each.line is not None:
            await self._put(LineQuality(**each.line.model_dump()))
            self._texts, self._actions = [], []
        if each.act == "say":
            meaning = await self._say(each)
        elif each.act == "keys":
            await self._key(each.keys or "")
        elif each.act is not None:
            await self._happen(each)
        return Answer(
            texts=tuple(self._texts),
            intent=meaning.intent if meaning is not None else None,
            confidence=meaning.confidence if meaning is not None else None,
            slots=self._state.slots,
            node=self._state.node,
            language=self._state.language,
            actions=tuple(self._actions),
        )

    async def _begin(self, *, opening: bool) -> None:
        scenario = self._loaded.scenario
        language = self._loaded.language
        await self._put(
            Started(
                language=None if language == UNKNOWN else language,
                caller="" if self._withheld else scenario.caller,
                returning=self._returning,
                speech_languages=frozenset(scenario.hears),
            )
        )
        if not opening:
            self._texts, self._actions = [], []

    async def _say(self, each: Step) -> Interpretation | None:
        """A sentence cannot be heard where keys alone are expected: to us that is silence."""
        if isinstance(self._wait, Listen) and not self._wait.expect.speech:
            await self._put(Silence(rung=self._state.silence + 1))
            return None
        words = " ".join(spoken_parts(each.say or ""))
        if self._state.language not in self._state.speech_languages:
            words = ""
        meaning = await self._interpreter.interpret(words, self._state.language)
        sure = _SURE if each.sure is None else each.sure
        await self._put(Said(interpretation=meaning, asr_confidence=sure, unheard=self._unheard))
        return meaning

    async def _key(self, keys: str) -> None:
        """Entries end where they end on a phone: with the last key wanted, hash, or a pause."""
        for entry in self._entries(keys):
            await self._put(Keyed(digits=entry, unheard=self._unheard))
            self._unheard = ()

    def _entries(self, keys: str) -> Iterable[str]:
        collector = KeyCollector()
        for key in keys:
            expect = self._wait.expect if isinstance(self._wait, Listen) else None
            collector.entry = (expect and expect.keys) or DigitEntry()
            entry = collector.press(key, 0)
            if entry is not None:
                yield entry
        if collector.keys:
            yield collector.take()

    async def _happen(self, each: Step) -> None:
        if each.silent is not None:
            await self._put(Silence(rung=each.silent))
        elif each.mumble:
            await self._put(Said(interpretation=Interpretation(text=""), asr_confidence=0.0))
        elif each.message_s is not None:
            recording = self._wait
            if isinstance(recording, RecordMessage):
                ok, ms = each.message_s > 0, round(each.message_s * 1000)
                await self._put(
                    MessageRecorded(message_id=recording.message_id, ok=ok, duration_ms=ms)
                )
        elif each.returned:
            await self._put(Returned())
        elif each.rings_again is not None:
            await self._ring_again(each.rings_again)
        elif each.takeover:
            self._state = DialogueState.model_validate(self._state.model_dump(mode="json"))
            await self._put(Resumed())

    async def _ring_again(self, again: RingsAgain) -> None:
        flow, caller = self._flow, self._loaded.scenario.caller
        summary = summarise(flow, self._state, ended_at=self._now, dropped=again.dropped)
        if summary is not None:
            summary = CallSummary.model_validate(summary.model_dump(mode="json"))
        self._now += timedelta(minutes=again.after_min)
        self._withheld = again.withheld
        self._returning = may_return(
            flow,
            summary,
            now=self._now,
            caller=caller,
            withheld=again.withheld,
            trusted_trunk=again.trusted,
        )
        self._state = begin(flow)
        await self._begin(opening=True)

    async def _put(self, what: Input) -> None:
        """Let something happen, and what follows from it, until the caller is waited for."""
        following: Input | None = what
        for _ in range(_MOST_STEPS):
            if following is None:
                return
            following = await self._step(following)
        raise AssertionError("the dialogue goes on without the caller")

    async def _step(self, what: Input) -> Input | None:
        outcome = step(
            self._flow,
            self._state,
            what,
            today=self._now.date(),
            new_id=lambda: f"id-{next(self._ids)}",
        )
        self._state = outcome.state
        self._texts += [each.text for each in outcome.actions if isinstance(each, Say)]
        self._wait = last = outcome.actions[-1]
        match last:
            case CallApi():
                self._actions.append(f"api {last.method} {last.path}")
                return await self._world.call(last)
            case TransferTo(destination=destination):
                self._actions.append(f"transfer {destination}")
                refused = self._loaded.scenario.transfer_refused
                return TransferRefused() if refused else None
            case HangUp():
                self._actions.append("hang_up")
            case RecordMessage(box=box):
                self._actions.append(f"record {box}")
            case _:
                self._actions.append("listen")
        return None


def unheard(text: str, interrupt_ms: int | None) -> tuple[str, ...]:
    """The clauses of `text` that were not heard to their end, where a caller interrupted it so
    long after its beginning."""
    if interrupt_ms is None:
        return ()
    left = clauses(text)
    spoken_ms = 0.0
    while left and spoken_ms + len(left[0]) / _CHARACTERS_A_SECOND * 1000 <= interrupt_ms:
        spoken_ms += len(left.pop(0)) / _CHARACTERS_A_SECOND * 1000
    return tuple(left)
