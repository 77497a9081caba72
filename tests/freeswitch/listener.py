"""A conversation that remembers what it was told, and says what a test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ivr.audio.format import Audio
from ivr.telephony.call import Call, CallEnding


async def until(met: Callable[[], bool], within: float = 5.0) -> None:
    """Wait for a condition. Raises TimeoutError."""
    async with asyncio.timeout(within):
        while not met():
            await asyncio.sleep(0.005)


class Listener:
    """One call's listener."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.frames: list[bytes] = []
        self.digits = ""
        self.marks: list[int] = []
        self.endings: list[CallEnding] = []

    def audio_received(self, frame: bytes) -> None:
        assert not self.endings
        self.frames.append(frame)

    def digit_received(self, digit: str) -> None:
        assert not self.endings
        self.digits += digit

    def played(self, mark: int) -> None:
        assert not self.endings
        self.marks.append(mark)

    def ended(self, ending: CallEnding) -> None:
        self.endings.append(ending)

    async def end(self, within: float = 5.0) -> CallEnding:
        """Wait for the end of the call."""
        await until(lambda: bool(self.endings), within)
        (ending,) = self.endings
        return ending


class Conversations:
    """Takes each call with a Listener; `greeting` is played at once."""

    def __init__(self, greeting: Audio | None = None) -> None:
        self.all: list[Listener] = []
        self._greeting = greeting

    def __call__(self, call: Call) -> None:
        listener = Listener(call)
        call.attach(listener)
        if self._greeting is not None:
            call.play(self._greeting, mark=1)
        self.all.append(listener)

    async def next(self, number: int = 1, within: float = 8.0) -> Listener:
        """Wait for the call of that number, counted from 1."""
        await until(lambda: len(self.all) >= number, within)
        return self.all[number - 1]
