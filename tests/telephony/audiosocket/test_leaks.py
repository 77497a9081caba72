"""However 200 calls end, nothing is left of them: no task, socket, file, thread or object."""

from __future__ import annotations

import asyncio
import gc
import warnings
import weakref
from collections.abc import Awaitable, Callable

import psutil
import pytest

from ivr.telephony.audiosocket.call import Limits
from ivr.telephony.audiosocket.server import AudioSocketServer
from ivr.telephony.call import Call
from ivr.telephony.media_clock import MediaClock
from tests.telephony.audiosocket.conftest import LOOPS
from tests.telephony.audiosocket.far_side import FarSide
from tests.telephony.audiosocket.test_call import Control
from tests.telephony.call_contract import Notes
from tests.telephony.waiting import until

CALLS = 200
AT_ONCE = 50


class House:
    """A server with real time, and what it handed over."""

    def __init__(self, *, max_calls: int, limits: Limits) -> None:
        self.clock = MediaClock()
        self.live: list[Call] = []
        self.seen: list[weakref.ref[object]] = []
        self.strays: list[str] = []
        self.server = AudioSocketServer(
            "127.0.0.1",
            0,
            self._answer,
            control=Control(),
            clock=self.clock,
            max_calls=max_calls,
            limits=limits,
            on_stray=self.strays.append,
        )

    def _answer(self, call: Call) -> None:
        notes = Notes()
        call.attach(notes)
        self.live.append(call)
        self.seen += [weakref.ref(call), weakref.ref(notes)]

    async def talking(self, count: int) -> list[FarSide]:
        """So many calls that have begun and heard sound."""
        fars = [await FarSide.ring(self.server.port) for _ in range(count)]
        for far in fars:
            await far.frames(1)
        await until(lambda: len(self.live) == count)
        return fars

    async def gone(self, fars: list[FarSide]) -> None:
        """Wait until both sides have let go."""
        for far in fars:
            await far.close()
        await self.server.wait_closed()
        self.live.clear()


async def _caller(house: House) -> None:
    fars = await house.talking(AT_ONCE)
    for far in fars:
        await far.close()
    await house.gone(fars)


async def _bot(house: House) -> None:
    fars = await house.talking(AT_ONCE)
    for call in house.live:
        await call.hang_up()
    for far in fars:
        assert await far.end() == "closed"
    await house.gone(fars)


async def _transferred(house: House) -> None:
    fars = await house.talking(AT_ONCE)
    for call in house.live:
        await call.transfer("agent")
    await house.gone(fars)


async def _switch_stopped(house: House) -> None:
    fars = await house.talking(AT_ONCE)
    for far in fars:
        far.reset()
    await house.gone(fars)


async def _garbage(house: House) -> None:
    fars = await house.talking(AT_ONCE)
    for far in fars:
        far.send(b"\x42\x00\x01x")
        assert await far.end() == "reset"
    await house.gone(fars)


async def _refused(house: House) -> None:
    fars = [await FarSide.ring(house.server.port) for _ in range(AT_ONCE)]
    for far in fars:
        assert await far.end() == "reset"
    await house.gone(fars)


async def _never_spoke(house: House) -> None:
    fars = [await FarSide.connect(house.server.port) for _ in range(AT_ONCE)]
    for far in fars:
        assert await far.end() == "reset"
    await house.gone(fars)


async def _gone_before_the_answer(house: House) -> None:
    fars = [await FarSide.ring(house.server.port) for _ in range(AT_ONCE)]
    for far in fars:
        far.reset()
    await house.gone(fars)


Inventory = tuple[int, int, int, int]


def inventory() -> Inventory:
    """Tasks, open files and sockets, sockets alone, threads."""
    process = psutil.Process()
    return (
        len(asyncio.all_tasks()),
        process.num_fds(),
        len(process.net_connections()),
        process.num_threads(),
    )


async def _ends(
    ending: Callable[[House], Awaitable[None]], max_calls: int, limits: Limits
) -> tuple[Inventory, Inventory, list[object]]:
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        # What another test of this process left is not to go in the middle of the count.
        gc.collect()
    house = House(max_calls=max_calls, limits=limits)
    await house.server.start()
    before = inventory()
    for _ in range(CALLS // AT_ONCE):
        await ending(house)
    if max_calls and limits.id == Limits().id and ending is not _gone_before_the_answer:
        assert len(house.seen) == 2 * CALLS
        assert house.strays == []
    await until(lambda: inventory() == before)
    after = inventory()
    assert house.server.live_calls == 0
    assert house.clock.subscribers == 0
    gc.collect()
    left = [what for ref in house.seen if (what := ref()) is not None]
    await house.server.stop()
    return before, after, left


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    ("ending", "max_calls", "limits"),
    [
        (_caller, CALLS, Limits()),
        (_bot, CALLS, Limits()),
        (_transferred, CALLS, Limits()),
        (_switch_stopped, CALLS, Limits()),
        (_garbage, CALLS, Limits()),
        (_gone_before_the_answer, CALLS, Limits()),
        (_refused, 0, Limits()),
        (_never_spoke, CALLS, Limits(id=0.05)),
    ],
)
def test_nothing_is_left(
    loop: str,
    ending: Callable[[House], Awaitable[None]],
    max_calls: int,
    limits: Limits,
) -> None:
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        before, after, left = runner.run(_ends(ending, max_calls, limits))
    assert after == before
    assert left == []
