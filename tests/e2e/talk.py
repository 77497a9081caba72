"""A caller who listens closely: which words came back, and how long the bot was silent when it
was its turn."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from uuid import UUID

from ivr.audio.format import FRAME_MS, TELEPHONE, Audio
from ivr.audio.level import level_dbfs
from ivr.phone.caller import QUIET_MS, Phone
from ivr.phone.handset import AUDIBLE_DBFS, CallOver
from ivr.phone.listener import BotEar
from ivr.settings import Settings
from tests.e2e.stack import Stack
from tests.e2e.words import was_heard

LONGEST_SILENCE_MS = 2000.0
"""More silence than this, when it is the bot's turn, and callers believe that nobody is there."""

SENTENCES = (
    "what is my balance",
    "four four seven one two three",
    "no thank you",
    "i want to talk to an agent",
    "four five three two zero one five one",
    "eight zero four seven one nine three six",
)
"""What callers say in these tests; in `Sounds` as sound."""

Sounds = Mapping[str, Audio]

_PAUSE_MS = 500.0
"""Silence after which it is worth finding out what has been said."""


class Talk:
    """One call. `say` and `press` are the caller's turns; after each, `hear` the bot's.

    `silences_ms` holds, for each turn of the bot that was heard, its longest silence: before the
    answer, or between two of its sentences.
    """

    def __init__(self, phone: Phone, sounds: Sounds, language: str = "en") -> None:
        self.phone = phone
        self.silences_ms: list[float] = []
        self._sounds = sounds
        self._ear = BotEar(Settings(), phone.handset, language)
        self._turn_from = 0

    async def ring(self) -> None:
        """Dial; the bot's turn begins with the answer."""
        await self.phone.ring()
        self.bots_turn()

    async def say(self, text: str) -> None:
        """Say one of `SENTENCES`, to its end."""
        self.phone.handset.speak(self._sounds[text])
        await self.phone.handset.spoken()
        self.bots_turn()

    async def press(self, keys: str) -> None:
        """Press keys. The answer may come before the last has quite left."""
        await self.phone.press(keys[:-1])
        self.bots_turn()
        await self.phone.press(keys[-1])

    async def hear_begin(self, within_ms: float = LONGEST_SILENCE_MS) -> None:
        """Wait until the bot speaks. Raises AssertionError."""
        try:
            await self.phone.handset.heard_sound(within_ms / 1000)
        except TimeoutError:
            raise AssertionError(f"the bot said nothing for {within_ms:.0f} ms") from None

    async def hear(
        self,
        phrase: str,
        within_s: float = 30.0,
        *,
        longest_silence_ms: float = LONGEST_SILENCE_MS,
    ) -> str:
        """Wait until the bot has said `phrase` and fallen silent; return all that it said since
        the caller's turn.

        Raises AssertionError when it falls silent for so long, or the call ends, and the phrase
        was not heard.
        """
        handset = self.phone.handset
        async with asyncio.timeout(within_s):
            while True:
                over = await self._hear_more(longest_silence_ms)
                if not over:
                    await handset.heard_quiet(_PAUSE_MS, within_s)
                words = await self._ear.words()
                if was_heard(phrase, words):
                    self.silences_ms.append(self._longest_silence_ms())
                    return words
                if over:
                    raise AssertionError(f"the call ended after {words!r}, without {phrase!r}")
                left_ms = longest_silence_ms - handset.quiet_ms
                try:
                    await handset.heard_sound(max(left_ms, 0) / 1000)
                except TimeoutError:
                    silence = f"{longest_silence_ms:.0f} ms of silence"
                    raise AssertionError(f"{silence} after {words!r}, without {phrase!r}") from None
                except CallOver:
                    continue

    async def listen_on(self, ms: float) -> None:
        """Hear so much more of what the bot says."""
        enough = len(self.phone.handset.record()[1].pcm) + ms / FRAME_MS * TELEPHONE.frame_bytes
        async with asyncio.timeout(ms / 1000 + 5):
            while len(self.phone.handset.record()[1].pcm) < enough:
                await asyncio.sleep(FRAME_MS / 1000)

    async def hear_out(self, within_s: float = 40.0) -> Audio:
        """Wait until the bot has fallen silent, or the call is over; return what it said since
        the caller's turn, for languages that no model knows.
        """
        await self.hear_begin()
        await self.phone.handset.heard_quiet(QUIET_MS, within_s)
        self.silences_ms.append(self._longest_silence_ms())
        bot = self.phone.handset.record()[1]
        return Audio(bot.pcm[self._turn_from :], bot.format)

    async def hang_up(self) -> None:
        """Put the receiver down and let go of everything; twice is harmless."""
        await self.phone.hang_up()
        self._ear.close()

    async def _hear_more(self, within_ms: float) -> bool:
        """Wait until the bot speaks; returns whether the call has ended instead."""
        try:
            await self.hear_begin(within_ms)
        except CallOver:
            return True
        return False

    def bots_turn(self) -> None:
        """Listen, and count silence, from here."""
        self._ear.begin()
        self._turn_from = len(self.phone.handset.record()[1].pcm)

    def _longest_silence_ms(self) -> float:
        """Of the bot's turn so far, up to its last sound."""
        bot = self.phone.handset.record()[1]
        size = bot.format.frame_bytes
        longest = silent = 0
        for start in range(self._turn_from, len(bot.pcm), size):
            if level_dbfs(bot.pcm[start : start + size]) < AUDIBLE_DBFS:
                silent += 1
            else:
                longest, silent = max(longest, silent), 0
        return float(longest * FRAME_MS)


class SwitchedTalk(Talk):
    """A call through a switch, which gives it an id of its own: found by the caller's `number`."""

    def __init__(
        self, phone: Phone, sounds: Sounds, stack: Stack, number: str, language: str
    ) -> None:
        super().__init__(phone, sounds, language)
        self.number = number
        self._stack = stack

    async def call_id(self) -> UUID:
        """The call's id, once a worker has it."""
        entry = await asyncio.to_thread(
            self._stack.until_logged, "call_started", caller=self.number
        )
        return UUID(entry["call_id"])
