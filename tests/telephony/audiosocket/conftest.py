from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import uvloop

from ivr.telephony.audiosocket.server import AudioSocketServer
from ivr.telephony.call import Call
from ivr.telephony.loopback import SteppedClock
from tests.telephony.call_contract import Notes

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
