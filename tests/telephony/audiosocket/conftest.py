from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import uvloop

from ivr.telephony.audiosocket.server import AudioSocketServer
from ivr.telephony.call import Call
from ivr.telephony.loopback import SteppedClock
from tests.telephony.audiosocket.far_side import FarSide
from tests.telephony.call_contract import Notes
from tests.telephony.waiting import until

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The programs run on uvloop; what is true on the one is true on the other."""
    return LOOPS


ServerMaker = Callable[..., Awaitable["Exchange"]]


class Exchange:
    """A server on a port of its own whose beats are stepped by hand, and what it handed over."""

    def __init__(self, **options: Any) -> None:
        self.clock = SteppedClock()
        self.calls: list[Call] = []
        self.notes: list[Notes] = []
        self.strays: list[str] = []
        self.server = AudioSocketServer(
            "127.0.0.1",
            0,
            options.pop("on_call", self._answer),
            clock=self.clock,
            on_stray=self.strays.append,
            **options,
        )

    @property
    def port(self) -> int:
        return self.server.port

    def _answer(self, call: Call) -> None:
        notes = Notes()
        self.calls.append(call)
        self.notes.append(notes)
        call.attach(notes)


@pytest.fixture
async def exchange() -> AsyncIterator[ServerMaker]:
    """Makes exchanges; what lives is stopped at the end."""
    made: list[Exchange] = []

    async def make(**options: Any) -> Exchange:
        one = Exchange(**options)
        await one.server.start()
        made.append(one)
        return one

    yield make
    for one in made:
        await one.server.stop()


async def talking(exchange: Exchange, far: FarSide | None = None) -> FarSide:
    """Ring, and wait until the call was handed over."""
    count = len(exchange.calls)
    far = far or await FarSide.ring(exchange.port)
    await until(lambda: len(exchange.calls) > count)
    return far


async def pass_frames(exchange: Exchange, far: FarSide, frames: int) -> None:
    """Let time pass with a far side that reads."""
    for _ in range(frames // 50):
        exchange.clock.step(50)
        if exchange.clock.subscribers == 0:
            return
        await far.frames(50)
