"""A spoken conversation on the loopback: the real loop, flow, executor and voice activity; time
that passes when told to, words that the test knows beforehand, stores in memory."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np

from ivr.audio.format import TELEPHONE, Audio, AudioFormat
from ivr.audio.wav import read_wav
from ivr.conversation.services import Services
from ivr.conversation.voice import VoiceConversation
from ivr.dialogue.actions import CallApi
from ivr.dialogue.flow import Flow
from ivr.dialogue.inputs import ApiReplied
from ivr.nlu.interpreter import Interpretation, ScoredIntent
from ivr.speech import recordings
from ivr.speech.recognition.recogniser import Transcript, Word
from ivr.speech.synthesis.synthesiser import Voice
from ivr.speech.synthesis.voices import default_voice
from ivr.storage.record import CallFinished, CallStarted, TurnTaken
from ivr.storage.session import Session, SessionFenced
from ivr.telephony.call import Call, CallInfo
from ivr.telephony.loopback import LoopbackCall, SteppedClock

CALL = UUID(int=11)
FRAME_MS = TELEPHONE.ptime_ms
_SETTLE = 6
"""Rounds of the event loop in which everything that 20 ms of line cause has happened."""
_MS_PER_WORD = 200

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
APOLOGY = "(the recorded apology)"

SPEECH = read_wav(Path(recordings.FOLDER) / "en" / "moment.wav")
"""Somebody's voice, for the voice detector; what it says does not matter."""


class Choir:
    """A synthesiser whose sounds can be told apart: each text is one constant sample."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.fault: Exception | None = None

    async def synthesise(self, text: str, voice: Voice) -> Audio:
        del voice
        if self.fault is not None:
            raise self.fault
        if text not in self.texts:
            self.texts.append(text)
        frames = len(text.split()) * _MS_PER_WORD // FRAME_MS
        value = self.texts.index(text) + 1
        return Audio(np.full(frames * TELEPHONE.frame_samples, value, "<i2").tobytes())

    async def close(self) -> None: ...


@dataclass
class Scribe:
    """A recogniser that has been told what will be said."""

    words: deque[str] = field(default_factory=deque)
    """Of each utterance to come; nothing once they are used up."""
    fault: Exception | None = None
    opened: int = 0
    languages: frozenset[str] = frozenset({"en"})

    def open(
        self,
        language: str,
        format: AudioFormat,
        *,
        phrases: Sequence[str] | None = None,
        on_partial: Callable[[str], None] | None = None,
    ) -> Writing:
        del language, format, phrases
        self.opened += 1
        if self.fault is not None:
            raise self.fault
        return Writing(self, on_partial)

    def close(self) -> None: ...


class Writing:
    """One utterance. Those that are open side by side hear the same."""

    def __init__(self, scribe: Scribe, on_partial: Callable[[str], None] | None) -> None:
        self._scribe = scribe
        self._on_partial = on_partial

    def feed(self, pcm: bytes) -> None:
        if self._on_partial is not None and self._scribe.words and pcm:
            self._on_partial(self._scribe.words[0])

    async def peek(self) -> Transcript:
        return _transcript(self._scribe.words[0] if self._scribe.words else "")

    async def finish(self) -> Transcript:
        text = self._scribe.words[0] if self._scribe.words else ""
        # The last one of those side by side turns the page.
        asyncio.get_running_loop().call_soon(self._turn_page, text)
        return _transcript(text)

    def _turn_page(self, text: str) -> None:
        if self._scribe.words and self._scribe.words[0] == text:
            self._scribe.words.popleft()

    def abandon(self) -> None: ...


def _transcript(text: str) -> Transcript:
    words = tuple(Word(text=word, start_ms=0, end_ms=100, confidence=0.95) for word in text.split())
    return Transcript(text=text, words=words)


class Reader:
    """An interpreter for which every word is an intent."""

    def __init__(self) -> None:
        self.fault: Exception | None = None

    async def interpret(self, text: str, language: str) -> Interpretation:
        del language
        if self.fault is not None:
            raise self.fault
        return Interpretation(text=text, intents=(ScoredIntent(name=text, confidence=0.95),))

    @property
    def languages(self) -> frozenset[str]:
        return frozenset({"en"})

    async def close(self) -> None: ...


class Sessions:
    """Sessions in memory, with the epochs that fence."""

    def __init__(self) -> None:
        self.epoch = 0
        self.last: Session | None = None
        self.texts: list[str] = []

    async def claim(self, call_id: UUID) -> tuple[int, Session | None]:
        del call_id
        self.epoch += 1
        return self.epoch, self.last

    async def save(self, session: Session, epoch: int) -> None:
        await asyncio.sleep(0)
        if epoch != self.epoch:
            raise SessionFenced("Another worker has the call.")
        self.texts.append(session.model_dump_json())
        self.last = Session.model_validate_json(self.texts[-1])

    async def keep(self, session: Session, epoch: int) -> bool:
        await self.save(session, epoch)
        return True

    def forget(self, call_id: UUID) -> None: ...
    async def close(self) -> None: ...


class Records:
    """Records in memory, as JSON."""

    def __init__(self) -> None:
        self.all: list[CallStarted | TurnTaken | CallFinished] = []

    def write(self, record: CallStarted | TurnTaken | CallFinished) -> None:
        self.all.append(record)

    @property
    def turns(self) -> list[TurnTaken]:
        """The latest word on each turn, in order."""
        return list(
            {each.number: each for each in self.all if isinstance(each, TurnTaken)}.values()
        )

    @property
    def finished(self) -> list[CallFinished]:
        return [each for each in self.all if isinstance(each, CallFinished)]

    async def flush(self, timeout_s: float) -> bool:
        return True

    async def close(self) -> None: ...


class Scene:
    """One caller and one worker. `services` overrides what the conversation is given."""

    def __init__(self, *, sessions: Sessions | None = None, **services: Any) -> None:
        self.clock = SteppedClock()
        self.choir = Choir()
        self.scribe = Scribe()
        self.reader = Reader()
        self.sessions = sessions or Sessions()
        self.records = Records()
        self.published: list[dict[str, Any]] = []
        self.asked: list[CallApi] = []
        self.reply: Callable[[CallApi], ApiReplied] = lambda request: ApiReplied(
            request_id=request.request_id, ok=True, status=201, data={}
        )
        self.services = Services(
            flow=Flow.parse(json.dumps(DOCUMENT)),
            recogniser=self.scribe,
            interpreter=self.reader,
            synthesiser=self.choir,
            voice=default_voice,
            recordings=recordings.shipped(),
            sessions=self.sessions,
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
        loudest = SPEECH.pcm[size * 12 :]
        for number in range(round(ms / FRAME_MS)):
            at = number * size % (len(loudest) - size)
            await self._frame(loudest[at : at + size])

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

    async def _frame(self, pcm: bytes) -> None:
        self.call.caller_frame(pcm)
        self.clock.step()
        await self._settle()

    async def _settle(self) -> None:
        for _ in range(_SETTLE):
            await asyncio.sleep(0)

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
