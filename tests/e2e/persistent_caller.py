"""A caller who wants to know their balance, and goes on with whoever answers next."""

from __future__ import annotations

import asyncio
import time

from ivr.audio.level import level_dbfs
from ivr.phone.handset import AUDIBLE_DBFS, CallOver, Handset
from ivr.phone.listener import BotEar
from ivr.phone.sip import SipPhone
from ivr.settings import Settings
from tests.e2e.talk import Sounds

QUESTIONS = {
    "how can i help": "what is my balance",
    "would you like": "what is my balance",
    "account number": "four four seven one two three",
    "anything else": "no thank you",
    "if that is": "no thank you",
}
"""What the bot asks, in the order of the call, and what this caller says to it."""

_ORDER = ["what is my balance", "four four seven one two three", "no thank you"]
_BUFFERED_MS = 60.0
"""So long FreeSWITCH still plays what a worker sent before it died, and its own buffers."""
_CALL_S = 300.0
_WELCOMED_S = 1.5


class NotedHandset(Handset):
    """A handset that notes when each frame arrived, and whether it could be heard."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[tuple[float, bool]] = []

    def hear(self, frame: bytes) -> None:
        """See Handset."""
        super().hear(frame)
        self.noted.append((time.monotonic(), level_dbfs(frame) >= AUDIBLE_DBFS))

    def silence_after_ms(self, moment: float) -> float | None:
        """From `moment` (monotonic, s) to the next sound that was not on its way before; None
        where none came."""
        late = moment + _BUFFERED_MS / 1000
        return next(
            ((at - moment) * 1000 for at, audible in self.noted if at >= late and audible), None
        )


class PersistentCaller:
    """One call. `said` are the answers given, in order, and `heard` what was asked before each."""

    def __init__(self, target: str, number: str, sounds: Sounds, settings: Settings) -> None:
        self.number = number
        self.handset = NotedHandset()
        self.phone = SipPhone(target, number=number, handset=self.handset)
        self.heard: list[str] = []
        self.said: list[str] = []
        self.said_goodbye_at = float("inf")
        self._sounds = sounds
        self._ear = BotEar(settings, self.handset, "en")

    async def call(self) -> None:
        """Ring, and talk until the bot has said good-bye."""
        try:
            async with asyncio.timeout(_CALL_S):
                await self.phone.ring(10)
                self._ear.begin()
                while not self.phone.ended.is_set():
                    await self._turn()
        except CallOver:
            pass
        finally:
            await self.phone.hang_up()
            self._ear.close()

    async def _turn(self) -> None:
        """Hear the bot out, then answer what it asked, if it asked anything; the welcome is
        interrupted."""
        await self.handset.heard_sound(20)
        if not self.said:
            await asyncio.sleep(_WELCOMED_S)
            await self._answer("what is my balance")
            return
        await self.handset.heard_quiet(450, 40)
        words = await self._ear.words()
        question = max(QUESTIONS, key=words.rfind)
        if words.rfind(question) < 0:
            return
        self.heard.append(words)
        await self._answer(QUESTIONS[question])

    async def _answer(self, answer: str) -> None:
        self._ear.begin()
        self.said.append(answer)
        if answer == _ORDER[-1]:
            self.said_goodbye_at = time.monotonic()
        self.handset.speak(self._sounds[answer])
        await self.handset.spoken()

    @property
    def went_back(self) -> bool:
        """Whether the bot asked for something that had been settled before."""
        steps = [_ORDER.index(each) for each in self.said]
        return steps != sorted(steps)
