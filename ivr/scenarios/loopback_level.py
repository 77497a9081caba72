"""The level with sound and without a switch: real speech both ways, one process, real time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

from ivr.conversation.prompts import voice_of
from ivr.conversation.services import Services
from ivr.conversation.voice import VoiceConversation
from ivr.dialogue.flow import Flow
from ivr.nlu.interpreter import Interpreter
from ivr.scenarios.call_events import CallEvents
from ivr.scenarios.caller_sounds import CallerSounds
from ivr.scenarios.loopback_phone import LoopbackPhone
from ivr.scenarios.memory import RecordsInMemory, SessionsInMemory
from ivr.scenarios.outcome import Outcome
from ivr.scenarios.scenario import UNKNOWN
from ivr.scenarios.scenario_file import Loaded
from ivr.scenarios.sound_level import Seen, SoundCall
from ivr.scenarios.speechless import Speechless
from ivr.scenarios.understanding import Understanding
from ivr.scenarios.world import World, world_over_http
from ivr.settings import Settings
from ivr.speech.recognition.models import models_for
from ivr.speech.recognition.vosk import VoskRecogniser
from ivr.speech.recordings import shipped
from ivr.speech.synthesis.chain import EngineChain
from ivr.speech.synthesis.prompt_store import PromptStore
from ivr.telephony.call import Call, CallInfo
from ivr.telephony.media_clock import MediaClock

_END_S = 10.0


@dataclass(frozen=True, kw_only=True)
class _Engines:
    recogniser: VoskRecogniser
    understanding: Understanding
    synthesiser: EngineChain


class Loopback:
    """Plays scenarios; see `loopback`."""

    def __init__(self, engines: _Engines, sounds: CallerSounds) -> None:
        self._engines = engines
        self._sounds = sounds
        self._clock = MediaClock()

    async def play(self, loaded: Loaded, flow: Flow, outcome: Outcome) -> None:
        """Play one scenario. Raises IvrError where there is no voice."""
        scenario = loaded.scenario
        hears = self._engines.recogniser.languages & set(flow.languages)
        if hears != set(scenario.hears) & set(flow.languages):
            outcome.skipped = True
            outcome.why = f"speech is recognised here in: {', '.join(sorted(hears)) or 'none'}"
            return
        sounds = await self._sounds.of(loaded)
        interpreter = await self._engines.understanding.of(loaded)
        events = CallEvents()
        sessions = SessionsInMemory()
        async with world_over_http(scenario, flow) as world:
            talking: list[asyncio.Task[None]] = []
            services = self._services(flow, interpreter, world, events, sessions)
            if scenario.unsayable:
                voice = Speechless(services.synthesiser, scenario.unsayable)
                services = replace(services, synthesiser=voice)

            def answer(call: Call) -> None:
                talking.append(VoiceConversation(call, services).start())

            phone = LoopbackPhone(
                self._clock,
                answer,
                info=_info(loaded),
                destinations=() if scenario.transfer_refused else flow.transfer_destinations,
            )
            seen = Seen(
                slots=lambda: sessions.slots(phone.call.id),
                recordings=services.recordings,
                requests=lambda: [f"api {each.method} {each.path}" for each in world.requests],
            )
            call = SoundCall(phone, events, sounds, ear=self._engines.recogniser, seen=seen)
            await phone.ring()
            try:
                await call.play(outcome)
            finally:
                await asyncio.wait(talking, timeout=_END_S)
            outcome.note_bank(world.done())

    def _services(
        self,
        flow: Flow,
        interpreter: Interpreter,
        world: World,
        events: CallEvents,
        sessions: SessionsInMemory,
    ) -> Services:
        return Services(
            flow=flow,
            recogniser=self._engines.recogniser,
            interpreter=interpreter,
            synthesiser=self._engines.synthesiser,
            voice=partial(voice_of, flow),
            recordings=shipped(),
            sessions=sessions,
            records=RecordsInMemory(),
            call_api=world.call,
            publish=events.note,
            worker="loopback",
        )


@asynccontextmanager
async def loopback(settings: Settings, scenarios: Iterable[Loaded] = ()) -> AsyncIterator[Loopback]:
    """Everything that calls in memory share, made ready for `scenarios`. Raises IvrError where an
    engine is missing.
    """
    async with AsyncExitStack() as stack:
        sounds = await stack.enter_async_context(CallerSounds(settings))
        recogniser = VoskRecogniser(
            models_for(settings, settings.recognition_models), threads=os.cpu_count() or 2
        )
        stack.callback(recogniser.close)
        await asyncio.to_thread(recogniser.load)
        understanding = Understanding(settings)
        stack.push_async_callback(understanding.close)
        await understanding.ready(each for each in scenarios if "loopback" in each.scenario.at)
        speech = EngineChain([sounds.synthesis_url], PromptStore(settings.var_dir / "prompts"))
        stack.push_async_callback(speech.close)
        await speech.start()
        engines = _Engines(recogniser=recogniser, understanding=understanding, synthesiser=speech)
        yield Loopback(engines, sounds)


def _info(loaded: Loaded) -> CallInfo:
    language = None if loaded.language == UNKNOWN else loaded.language
    return CallInfo(caller=loaded.scenario.caller, called="loopback", language=language)
