"""A person on a phone: says a sentence, presses keys, hears the bot out, interrupts it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from ivr.audio.format import Audio
from ivr.phone.handset import Handset

QUIET_MS = 700
"""Silence of the bot after which a person takes it to have finished."""


class Phone(Protocol):
    """What every phone that rings us can do."""

    @property
    def handset(self) -> Handset:
        """Its mouth and ear."""
        ...

    @property
    def ended(self) -> asyncio.Event:
        """Set when the call is over."""
        ...

    async def ring(self) -> None:
        """Dial, and wait until the call is answered. Raises IvrError when it is not."""

    async def press(self, keys: str) -> None:
        """Press keys, one after the other, at a person's pace."""

    async def hang_up(self) -> None:
        """Put the receiver down."""


class Caller:
    """Uses a phone with a voice. `voice` makes a sentence into sound at the line's rate."""

    def __init__(self, phone: Phone, voice: Callable[[str], Awaitable[Audio]]) -> None:
        self.phone = phone
        self._voice = voice

    async def say(self, text: str) -> None:
        """Say a sentence, to its end."""
        await self.speak(await self._voice(text))

    async def speak(self, audio: Audio) -> None:
        """Play sound into the phone, to its end."""
        self.phone.handset.speak(audio)
        await self.phone.handset.spoken()

    async def press(self, keys: str) -> None:
        """Press keys."""
        await self.phone.press(keys)

    async def hear_bot_begin(self, timeout_s: float = 10.0) -> None:
        """Wait until the bot can be heard. Raises TimeoutError."""
        await self.phone.handset.heard_sound(timeout_s)

    async def hear_bot_begin_answer(self, timeout_s: float = 10.0) -> None:
        """Wait until the bot answers what was last said or keyed. Raises TimeoutError."""
        handset = self.phone.handset
        async with asyncio.timeout(timeout_s):
            while handset.last_gap_ms is None:
                await handset.heard_quiet(0, timeout_s)
                await asyncio.sleep(0.01)

    async def hear_bot_out(self, timeout_s: float = 40.0, quiet_ms: float = QUIET_MS) -> None:
        """Wait until the bot has spoken and fallen silent. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            await self.phone.handset.heard_sound(timeout_s)
            await self.phone.handset.heard_quiet(quiet_ms, timeout_s)

    async def interrupt(self, text: str, after_ms: float) -> None:
        """Say a sentence `after_ms` after the bot has begun to speak."""
        audio = await self._voice(text)
        await self.hear_bot_begin()
        await asyncio.sleep(after_ms / 1000)
        await self.speak(audio)
