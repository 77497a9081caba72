"""A spoken conversation on the loopback: the real loop, flow, executor and voice activity, in time
that passes when told to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import numpy as np

from ivr.audio.format import TELEPHONE, Audio
from ivr.conversation.services import Services
from ivr.conversation.voice import VoiceConversation
from ivr.dialogue.actions import CallApi
from ivr.dialogue.flow import Flow
from ivr.dialogue.inputs import ApiReplied
from ivr.speech import recordings
from ivr.speech.synthesis.voices import default_voice
from ivr.storage.session import SessionStore
from ivr.telephony.call import Call, CallInfo
from ivr.telephony.loopback import LoopbackCall, SteppedClock
from tests.conversation.stand_ins import Choir, Reader, Records, Scribe, Sessions

CALL = UUID(int=11)
FRAME_MS = TELEPHONE.ptime_ms
_SETTLE = 6
"""Rounds of the event loop in which everything that 20 ms of line cause has happened."""

DOCUMENT: Mapping[str, Any] = {
    "name": "spoken",
    "languages": ["en"],
    "entry": {"language_known": "choose"},
    "integrations": ["bank"],
    "transfer_destinations": ["agent"],
    "nodes": [
        {
            "id": "choose",
            "type": "menu",
            "config": {
                "prompt": "choose",
                "options": [
                    {"name": "balance", "key": "1", "phrases": {"en": ["balance"]}},
                    {"name": "goodbye", "key": "2", "phrases": {"en": ["goodbye"]}},
                    {"name": "card", "key": "3", "phrases": {"en": ["card"]}},
                    {"name": "person", "key": "4", "phrases": {"en": ["person"]}},
                ],
            },
            "next": {"balance": "told", "goodbye": "end", "card": "pin", "person": "agent"},
        },
        {"id": "told", "type": "response", "config": {"prompt": "told"}, "next": "choose"},
        {
            "id": "pin",
            "type": "slot_filler",
            "config": {
                "slot": "pin",
                "type": "digits",
                "digits": 4,
                "sensitive": True,
                "prompt": "ask_pin",
            },
            "next": "check",
        },
        {
            "id": "check",
            "type": "api_caller",
            "config": {
                "integration": "bank",
                "method": "POST",
                "path": "/pin",
                "body": {"pin": "{{ pin }}"},
                "key_slot": "check_key",
            },
            "next": {"ok": "accepted", "refused": "wrong", "unknown": "wrong"},
        },
        {"id": "accepted", "type": "response", "config": {"prompt": "accepted"}, "next": "choose"},
        {"id": "wrong", "type": "response", "config": {"prompt": "wrong"}, "next": "choose"},
        {
            "id": "agent",
            "type": "transfer",
            "config": {"destination": "agent", "prompt": "to_agent"},
            "next": {"refused": "choose"},
        },
        {"id": "end", "type": "end", "config": {"prompt": "farewell"}},
    ],
    "templates": {
        "choose": {"en": "Say balance, goodbye, card or person. Or press a key from one to four."},
        "told": {"en": "The balance of your account is nine rupees."},
        "ask_pin": {"en": "Please enter the four digits."},
        "accepted": {"en": "That is right."},
        "wrong": {"en": "That is not right."},
        "to_agent": {"en": "One moment."},
        "farewell": {"en": "It was a pleasure."},
    },
}
MENU = ("Say balance, goodbye, card or person.", "Or press a key from one to four.")
TOLD = "The balance of your account is nine rupees."
FAREWELL = "It was a pleasure."
APOLOGY = "(the recorded apology)"


def _vowel() -> Audio:
    """A second of a voice at 120 Hz that draws breath at its end, which is all that the detector
    asks for."""
    at = np.arange(TELEPHONE.rate) / TELEPHONE.rate
    harmonics = np.arange(1, 20)[:, None]
    wave = (np.sin(2 * np.pi * 120 * harmonics * at) / harmonics).sum(axis=0)
    wave[-480:] = 0
    return Audio.from_samples((wave * 6000).clip(-32768, 32767).astype(np.int16))


SPEECH = _vowel()


class Scene:
    """One caller and one worker, and a flow's `document`. `store` keeps sessions elsewhere;
    `services` overrides what the conversation is given."""

    def __init__(
        self,
        *,
        sessions: Sessions | None = None,
        store: SessionStore | None = None,
        flow: Flow | None = None,
        document: Mapping[str, Any] = DOCUMENT,
        **services: Any,
    ) -> None:
        self.clock = SteppedClock()
        self.choir = Choir()
        self.scribe = Scribe()
        self.reader = Reader()
        self.sessions = sessions or Sessions()
        self.records = Records()
        self.published: list[dict[str, Any]] = []
        self.said: list[bytes] = []
        """The caller's frames, silence too."""
        self.asked: list[CallApi] = []
        self.reply: Callable[[CallApi], ApiReplied] = lambda request: ApiReplied(
            request_id=request.request_id, ok=True, status=201, data={}
        )
        self.services = Services(
            flow=flow or Flow.parse(json.dumps(document)),
            recogniser=self.scribe,
            interpreter=self.reader,
            synthesiser=self.choir,
            voice=default_voice,
            recordings=recordings.shipped(),
            sessions=store or self.sessions,
            records=self.records,
            call_api=self._ask,
            publish=lambda event: self.published.append(dict(event)),
            worker="w",
            clock=self.clock,
            **services,
        )
        self.call = LoopbackCall(self.clock, call_id=CALL, info=CallInfo(caller="+914012345678"))
        self.task: asyncio.Task[None] | None = None

    async def _ask(self, request: CallApi) -> ApiReplied:
        self.asked.append(request)
        await asyncio.sleep(0)
        return self.reply(request)

    # What the caller does.

    async def ring(self) -> None:
        """The call comes in."""
        self.call.ring(self._converse)
        await self._settle()

    def _converse(self, call: Call) -> None:
        self.task = VoiceConversation(call, self.services).start()

    async def listen(self, ms: float) -> None:
        """Say nothing for so long."""
        for _ in range(round(ms / FRAME_MS)):
            await self._frame(TELEPHONE.silence)

    async def make_noise(self, ms: float, words: str = "") -> None:
        """Use one's voice for so long; `words` is what it says, if anything."""
        if words:
            self.scribe.words.append(words)
        size = TELEPHONE.frame_bytes
        for number in range(round(ms / FRAME_MS)):
            at = number * size % len(SPEECH.pcm)
            await self._frame(SPEECH.pcm[at : at + size])

    async def say(self, words: str, ms: float = 600) -> None:
        """Say something, and wait until it must have been taken for finished."""
        await self.make_noise(ms, words)
        await self.listen(1200)

    async def press(self, keys: str) -> None:
        for key in keys:
            self.call.caller_digit(key)
            await self.listen(100)

    async def hear_out(self, within_ms: float = 20_000) -> None:
        """Wait until the bot has spoken and fallen silent."""
        size = len(self.call.heard)
        for _ in range(round(within_ms / FRAME_MS)):
            await self._frame(TELEPHONE.silence)
            if self.call.ending is not None:
                return
            spoken = any(frame != TELEPHONE.silence for frame in self.call.heard[size:])
            if spoken and all(frame == TELEPHONE.silence for frame in self.call.heard[-10:]):
                return
        raise AssertionError(f"the bot did not finish: {self.heard()}")

    async def until_over(self, within_ms: float = 20_000) -> None:
        """Wait until the conversation has ended."""
        assert self.task is not None
        for _ in range(round(within_ms / FRAME_MS)):
            await self._frame(TELEPHONE.silence)
            if self.task.done():
                return
        raise AssertionError("the conversation goes on")

    async def until_really_over(self) -> None:
        """The same where the conversation waits for a moment of real time first."""
        assert self.task is not None
        async with asyncio.timeout(15):
            while not self.task.done():
                await self.listen(FRAME_MS)
                await asyncio.sleep(0.005)

    async def hear_frame(self, pcm: bytes) -> None:
        """One frame of the caller's reaches the worker."""
        await self._frame(pcm)

    async def _frame(self, pcm: bytes) -> None:
        self.said.append(pcm)
        self.call.caller_frame(pcm)
        self.clock.step()
        await self._settle()

    async def _settle(self) -> None:
        for _ in range(_SETTLE):
            await asyncio.sleep(0)

    async def think(self) -> None:
        """Let the worker do what it has begun, while no time passes on the line."""
        for _ in range(5):
            await self._settle()

    # What the caller heard.

    def heard(self, since_frame: int = 0) -> list[str]:
        """The bot's sentences in the order in which they sounded, also when only begun."""
        said: list[str] = []
        for frame in self.call.heard[since_frame:]:
            text = self.text_of(frame)
            if text and (not said or said[-1] != text):
                said.append(text)
        return said

    def ms_of(self, text: str) -> int:
        """How long a sentence was heard, in all."""
        return FRAME_MS * sum(self.text_of(frame) == text for frame in self.call.heard)

    @staticmethod
    def audible_ms(audio: Audio) -> int:
        """How much of it is no digital silence."""
        size = TELEPHONE.frame_bytes
        frames = [audio.pcm[at : at + size] for at in range(0, len(audio.pcm), size)]
        return FRAME_MS * sum(any(frame) for frame in frames)

    @property
    def now(self) -> int:
        """The number of the frame that is heard next."""
        return len(self.call.heard)

    def text_of(self, frame: bytes) -> str:
        """What a frame of the bot's says; empty for silence."""
        if frame == TELEPHONE.silence:
            return ""
        samples = np.frombuffer(frame, "<i2")
        number = int(samples[0])
        if (samples == number).all() and 0 < number <= len(self.choir.texts):
            return self.choir.texts[number - 1]
        return APOLOGY

    # What the worker leaves.

    @property
    def live(self) -> float | None:
        """The worker's live calls, by its own count."""
        return self.services.metrics.registry.get_sample_value("ivr_calls_live")

    def events(self, kind: str) -> list[dict[str, Any]]:
        """What live displays were told."""
        return [event for event in self.published if event["event"] == kind]
