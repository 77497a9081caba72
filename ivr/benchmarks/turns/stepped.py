"""The corpus in memory, as fast as the machine can: the real turn loop and engines, in time that
passes when they have done their work.

What the engines take is left out, so that the rules alone are seen: for tuning, and to compare
strategies. What callers wait for is measured in real time, over a real line.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ivr.audio.format import AudioFormat
from ivr.benchmarks.turns.calls import Told, frames_of_question, undisturbed
from ivr.benchmarks.turns.drawing import LONG_CONFIRM, LONG_MENU
from ivr.benchmarks.turns.judge import Outcome, judge
from ivr.benchmarks.turns.line import Line, Record
from ivr.benchmarks.turns.sound import SoundingTurn
from ivr.benchmarks.turns.worker import FLOW
from ivr.conversation.prompts import to_render
from ivr.conversation.services import Services
from ivr.conversation.voice import VoiceConversation
from ivr.dialogue.actions import CallApi
from ivr.dialogue.flow import Flow
from ivr.dialogue.inputs import ApiReplied
from ivr.nlu.endings import learn_endings
from ivr.nlu.spacy import SpacyInterpreter
from ivr.scenarios.memory import RecordsInMemory, SessionsInMemory
from ivr.settings import Settings
from ivr.speech.recognition.models import models_for
from ivr.speech.recognition.recogniser import RecognitionFailed, Transcript, Utterance
from ivr.speech.recognition.vosk import VoskRecogniser
from ivr.speech.recordings import shipped
from ivr.speech.synthesis.chain import EngineChain
from ivr.speech.synthesis.prompt_store import PromptStore
from ivr.speech.synthesis.voices import default_voice
from ivr.telephony.loopback import LoopbackCall, SteppedClock

_SETTLE = 12
"""Rounds of the event loop in which everything that a frame causes has begun."""
_LONGEST_FRAMES = 3_000
_POLL_S = 0.0003


class Watched:
    """A recogniser that knows whether somebody waits for it."""

    def __init__(self, inner: VoskRecogniser) -> None:
        self._inner = inner
        self.waited_for = 0
        self.looks = 0
        self.decoded_ms = 0.0
        """Sound given to decode, each time it is."""

    @property
    def languages(self) -> frozenset[str]:
        """See `Recogniser`."""
        return self._inner.languages

    @property
    def busy(self) -> bool:
        """Whether it has something to do."""
        return self.waited_for > 0 or self._inner.backlog_ms > 0

    def open(
        self,
        language: str,
        format: AudioFormat,
        *,
        phrases: Sequence[str] | None = None,
        on_partial: Callable[[str], None] | None = None,
    ) -> Utterance:
        """See `Recogniser`."""
        inner = self._inner.open(language, format, phrases=phrases, on_partial=on_partial)
        return _WatchedUtterance(self, inner)

    def close(self) -> None:
        """See `Recogniser`."""
        self._inner.close()


class _WatchedUtterance:
    def __init__(self, recogniser: Watched, inner: Utterance) -> None:
        self._recogniser = recogniser
        self._inner = inner

    @property
    def failure(self) -> RecognitionFailed | None:
        return self._inner.failure

    def feed(self, pcm: bytes) -> None:
        self._recogniser.decoded_ms += len(pcm) / 16
        self._inner.feed(pcm)

    async def finish(self) -> Transcript:
        self._recogniser.waited_for += 1
        self._recogniser.looks += 1
        try:
            return await self._inner.finish()
        finally:
            self._recogniser.waited_for -= 1

    def abandon(self) -> None:
        self._inner.abandon()


@dataclass(frozen=True, slots=True)
class Bench:
    """What plays the corpus. `with_rules` gives the same bench with other figures."""

    services: Services
    recogniser: Watched

    def with_rules(self, **figures: Any) -> Bench:
        """The same with these fields of the turn rules."""
        rules = replace(self.services.rules, **figures)
        return replace(self, services=replace(self.services, rules=rules))

    async def play(
        self, turns: Sequence[SoundingTurn], told: Told = lambda _: None
    ) -> tuple[Outcome, ...]:
        """Play all turns, one after the other; `told` of each outcome as it is known."""
        references = {
            question: frames_of_question(await self._call(undisturbed(question)))
            for question in (LONG_MENU, LONG_CONFIRM)
        }
        outcomes = []
        for each in turns:
            record = await self._call(each)
            outcomes.append(judge(each, record, references.get(each.turn.question, ())))
            told(outcomes[-1])
        return tuple(outcomes)

    async def _call(self, sounding: SoundingTurn) -> Record:
        clock = SteppedClock()
        over: list[bool] = []
        pressed: list[str] = []
        services = replace(
            self.services, clock=clock, sessions=SessionsInMemory(), records=RecordsInMemory()
        )
        line = Line(sounding, clock, press=pressed.append, done=lambda: over.append(True))
        call = LoopbackCall(clock, hear=line.hear)
        talking: list[asyncio.Task[None]] = []
        call.ring(lambda ringing: talking.append(VoiceConversation(ringing, services).start()))
        for _ in range(_LONGEST_FRAMES):
            if over or call.ending is not None:
                break
            if pressed:
                call.caller_digit(pressed.pop(0))
                line.key_pressed()
            call.caller_frame(line.tick())
            clock.step()
            await self._settle()
        call.caller_hangs_up()
        await asyncio.gather(*talking, return_exceptions=True)
        return line.log

    async def _settle(self) -> None:
        for _ in range(_SETTLE):
            await asyncio.sleep(0)
        while self.recogniser.busy:
            await asyncio.sleep(_POLL_S)
            for _ in range(_SETTLE):
                await asyncio.sleep(0)


@asynccontextmanager
async def stepped_bench(
    settings: Settings, synthesis_url: str, folder: Path
) -> AsyncIterator[Bench]:
    """A bench with its engines. Raises IvrError where one is missing."""
    flow = Flow.load(FLOW)
    async with AsyncExitStack() as stack:
        inner = VoskRecogniser(
            models_for(settings, settings.recognition_models), threads=os.cpu_count() or 2
        )
        stack.callback(inner.close)
        _, interpreter = await asyncio.gather(
            asyncio.to_thread(inner.load),
            asyncio.to_thread(SpacyInterpreter, settings.nlu_dir, settings.var_dir / "nlu"),
        )
        stack.push_async_callback(interpreter.close)
        speech = EngineChain([synthesis_url], PromptStore(folder))
        stack.push_async_callback(speech.close)
        await speech.start()
        await speech.prerender(to_render(flow, parts=False))
        recogniser = Watched(inner)
        services = Services(
            flow=flow,
            recogniser=recogniser,
            interpreter=interpreter,
            synthesiser=speech,
            voice=default_voice,
            recordings=shipped(),
            sessions=SessionsInMemory(),
            records=RecordsInMemory(),
            call_api=_nobody,
            publish=lambda event: None,
            worker="bench",
            endings=learn_endings(settings.nlu_dir, flow.languages),
        )
        yield Bench(services, recogniser)


async def _nobody(request: CallApi) -> ApiReplied:
    return ApiReplied(request_id=request.request_id, ok=False, error="there is nobody to ask")
