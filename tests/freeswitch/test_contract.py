"""A call over the Event Socket keeps what every `Call` keeps."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest

from ivr.telephony.call import Call
from ivr.telephony.freeswitch.server import FreeSwitchServer
from ivr.telephony.loopback import SteppedClock
from tests.freeswitch import wire
from tests.freeswitch.peer import Peer
from tests.telephony.call_contract import CallContract, Line


class FreeSwitchLine(Line):
    """The far side does one thing after the other, each once the one before has arrived: on the
    real line, too, sound and keys come on two sockets."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = SteppedClock()
        self.server = FreeSwitchServer("127.0.0.1", 0, self._taken, clock=self.clock)
        self._call: Call | None = None
        self._to_do: deque[Callable[[], None]] = deque()
        self._gone = False
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        await self.server.start()
        self.peer = Peer(self.server.port)
        await self.peer.talk()
        await self.notes.until(1, "audio")
        await self.peer.heard()
        self.notes.told.clear()
        self._tasks = [asyncio.create_task(self._obey()), asyncio.create_task(self._act())]

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self.peer.close()
        await self.server.stop()

    @property
    def call(self) -> Call:
        assert self._call is not None
        return self._call

    async def step(self, frames: int) -> list[bytes]:
        heard = []
        for _ in range(frames):
            self.clock.step()
            self.peer.sound()
            heard += await self.peer.heard()
        return heard

    def say(self, frame: bytes) -> None:
        self._to_do.append(lambda: self.peer.sound(frame))

    def key(self, digit: str) -> None:
        self._to_do.append(lambda: self.peer.send(wire.event("DTMF", {"DTMF-Digit": digit})))

    async def caller_hangs_up(self) -> None:
        self.peer.send(wire.gone() + wire.event("CHANNEL_HANGUP", {"Hangup-Cause": "X"}))

    async def line_breaks(self) -> None:
        self.peer.send(b"\xff\n\n")

    def is_released(self) -> bool:
        return self.server.live_calls == 0 and self._gone

    def _taken(self, call: Call) -> None:
        self._call = call
        call.attach(self.notes)

    async def _act(self) -> None:
        while True:
            while not self._to_do:
                await asyncio.sleep(0.001)
            before = len(self.notes.told)
            self._to_do.popleft()()
            with suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    while len(self.notes.told) == before:
                        await asyncio.sleep(0.001)

    async def _obey(self) -> None:
        """What FreeSWITCH does when it is told to."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                command = await self.peer.command(within=60)
                if "hangup" in command:
                    self.peer.send(wire.gone() + wire.event("CHANNEL_HANGUP"))
                elif "transfer" in command:
                    self.peer.send(wire.event("CHANNEL_UNPARK"))
        self._gone = True


class TestFreeSwitch(CallContract):
    @pytest.fixture
    async def line(self) -> AsyncIterator[Line]:
        line = FreeSwitchLine()
        await line.begin()
        yield line
        await line.end()
