"""A conversation on the loopback, whose caller may be handed to an agent, and what it needs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any, NoReturn
from uuid import UUID

from ivr.audio.format import Audio, AudioFormat
from ivr.conversation.consulting import ConsultRules
from ivr.conversation.services import Services
from ivr.conversation.voice import VoiceConversation
from ivr.dialogue.flow import Flow
from ivr.speech.recordings import shipped
from ivr.speech.synthesis.synthesiser import Voice
from ivr.speech.synthesis.voices import default_voice
from ivr.storage.session import Session, SessionFenced
from ivr.telephony.call import CallInfo
from ivr.telephony.loopback import LoopbackCall, LoopbackConsultation, SteppedClock
from tests.telephony.call_contract import sound

MUSIC = Audio(sound(5, 20000))
CALL = UUID(int=7)


class Singer:
    """A synthesiser that remembers its texts."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def stream(self, text: str, voice: Voice) -> AsyncIterator[Audio]:
        yield await self.synthesise(text, voice)

    async def synthesise(self, text: str, voice: Voice) -> Audio:
        del voice
        self.texts.append(text)
        return Audio(sound(3))

    async def close(self) -> None: ...


class Deaf:
    """A recogniser of no language: callers use keys."""

    languages: frozenset[str] = frozenset()

    def open(self, language: str, format: AudioFormat, **how: Any) -> NoReturn:
        raise AssertionError("nobody was to be recognised")


class Sessions:
    """Sessions in memory."""

    def __init__(self) -> None:
        self.epoch = 0
        self.kept: list[Session] = []

    async def claim(
        self, call_id: UUID, *, within_ms: float | None = None
    ) -> tuple[int, Session | None]:
        del call_id
        self.epoch += 1
        return self.epoch, self.kept[-1] if self.kept else None

    async def save(self, session: Session, epoch: int, *, within_ms: float | None = None) -> None:
        await self.keep(session, epoch)

    async def keep(self, session: Session, epoch: int) -> bool:
        if epoch != self.epoch:
            raise SessionFenced("another worker has the call")
        self.kept.append(Session.model_validate_json(session.model_dump_json()))
        return True

    def forget(self, call_id: UUID, epoch: int) -> None: ...
    async def close(self) -> None: ...


class Nobody:
    """Whatever else a conversation wants of the world."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None


def flow(**next: str) -> Flow:
    prompts = ("hello", "keys", "one_moment", "anything")
    document: Mapping[str, Any] = {
        "name": "made",
        "languages": ["en"],
        "entry": {"language_known": "main"},
        "transfer_destinations": ["agent"],
        "global_intents": {"agent": {"intents": ["talk_to_agent"], "next": "agent"}},
        "nodes": [
            {
                "id": "main",
                "type": "intent_router",
                "config": {"prompt": "hello", "keys_prompt": "keys", "keys": {"1": "help_me"}},
                "next": {"help_me": "agent"},
            },
            {
                "id": "agent",
                "type": "transfer",
                "config": {"destination": "agent", "attended": True, "prompt": "one_moment"},
                "next": {"refused": "more", **next},
            },
            {"id": "more", "type": "response", "config": {"prompt": "anything"}, "next": "main"},
        ],
        "templates": {name: {"en": f"{name.capitalize()}."} for name in prompts},
    }
    return Flow.parse(json.dumps(document))


class Scene:
    """One caller, one worker, time that flies: 20 ms of the line take one of ours."""

    def __init__(self, made: Flow) -> None:
        self.clock = SteppedClock()
        self.singer = Singer()
        self.sessions = Sessions()
        nobody: Any = Nobody()
        deaf: Any = Deaf()
        self.services = Services(
            flow=made,
            recogniser=deaf,
            interpreter=nobody,
            synthesiser=self.singer,
            voice=default_voice,
            recordings=shipped(),
            sessions=self.sessions,
            records=nobody,
            call_api=nobody.ask,
            publish=lambda event: None,
            worker="w",
            clock=self.clock,
            music=MUSIC,
            consult_rules=ConsultRules(again_after_ms=400, picks_up_late_ms=200),
        )
        self._time = asyncio.create_task(self._pass())
        self.tasks: list[asyncio.Task[None]] = []
        self.call = self.ring()

    def ring(self, **info: Any) -> LoopbackCall:
        """The caller comes, or comes back."""
        self.call = LoopbackCall(
            self.clock,
            call_id=CALL,
            info=CallInfo(language="en", caller="+914012345678", switch_channel="x", **info),
        )
        self.call.ring(self._converse)
        return self.call

    def _converse(self, call: Any) -> None:
        self.tasks.append(VoiceConversation(call, self.services).start())

    async def _pass(self) -> None:
        while True:
            self.clock.step()
            await asyncio.sleep(0.001)

    async def said(self, text: str, times: int = 1) -> None:
        """Wait until a sentence was spoken so often."""
        async with asyncio.timeout(5):
            while sum(text in each for each in self.singer.texts) < times:
                await asyncio.sleep(0.005)

    async def asked(self, number: int = 1) -> LoopbackConsultation:
        """The caller asks for an agent, who is rung."""
        await self.said("Keys.", number)
        self.call.caller_digit("1")
        async with asyncio.timeout(5):
            while len(self.call.consultations) < number:
                await asyncio.sleep(0.005)
        return self.call.consultations[-1]

    async def music(self) -> None:
        """Wait until the caller hears music, from now on."""
        before = len(self.call.heard)
        async with asyncio.timeout(5):
            while MUSIC.pcm not in b"".join(self.call.heard[before:]):
                await asyncio.sleep(0.005)

    async def over(self) -> None:
        """Wait until the conversation has ended."""
        async with asyncio.timeout(5):
            await asyncio.gather(*self.tasks, return_exceptions=True)

    async def close(self) -> None:
        """Leave nothing."""
        self.call.line_breaks()
        with suppress(TimeoutError):
            await self.over()
        self._time.cancel()
