"""Hundreds of calls of each ending, through a whole worker with its real engines and stores: no
task, socket, file, thread or call more than before."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import uvloop

from ivr.audio.format import TELEPHONE
from ivr.conversation.ears import Ears
from ivr.conversation.speaker import Speaker
from ivr.conversation.voice import VoiceConversation
from ivr.engines import load_engines
from ivr.settings import Settings
from ivr.speech.recognition.utterance import VoskUtterance
from ivr.speech.synthesis.client import SynthesisClient
from ivr.speech.synthesis.synthesiser import Voice
from ivr.telephony.audiosocket.call import AudioSocketCall
from ivr.telephony.audiosocket.connection import AudioSocketConnection
from ivr.telephony.media_clock import MediaClock
from ivr.worker import Worker
from tests.worker.flow import short_flow
from tests.worker.line import Line
from tests.worker.neighbours import neighbours

CALLS = 100
AT_ONCE = 50
FEW = 5
MOST_BYTES_A_CALL = 1024
MOST_BLOCKS_A_CALL = 4
"""What may be in use more after a call than before: caches, and what a moment's garbage weighs. A
transcript that is kept is more, and so is a recogniser's graph."""
OF_A_CALL = (
    VoiceConversation,
    Ears,
    Speaker,
    VoskUtterance,
    AudioSocketCall,
    AudioSocketConnection,
    Line,
)
SETTLE_S = 15.0
REDIS_POOL = 20
"""Connections to Redis that may be kept, or not, at the moment when we look."""

pytestmark = [pytest.mark.postgres, pytest.mark.redis]


def of_calls() -> Counter[str]:
    """What objects of calls there are, garbage included."""
    return Counter(type(each).__name__ for each in gc.get_objects() if isinstance(each, OF_A_CALL))


@dataclass(frozen=True)
class Held:
    """What this process holds."""

    tasks: int
    lines: int
    """TCP sockets."""
    descriptors: int
    threads: int
    of_calls: int

    @classmethod
    def now(cls) -> Held:
        gc.collect()
        return cls(
            tasks=len(asyncio.all_tasks()),
            lines=len(psutil.Process().net_connections("tcp")),
            descriptors=len(os.listdir("/proc/self/fd")),
            threads=threading.active_count(),
            of_calls=of_calls().total(),
        )

    def no_more_than(self, other: Held) -> bool:
        return (
            self.tasks <= other.tasks
            and self.lines <= other.lines
            and self.descriptors <= other.descriptors + REDIS_POOL
            and self.threads <= other.threads
            and self.of_calls <= other.of_calls
        )


class Callers:
    """Rings one worker, in each way in which a call can end."""

    def __init__(self, worker: Worker, port: int, speech: bytes) -> None:
        self._worker = worker
        self._port = port
        self._speech = speech
        self._clock = MediaClock()

    async def caller_hangs_up(self) -> None:
        """In the middle of a sentence of the bot's, while the caller speaks."""
        line = await self._talk_over_the_bot()
        line.close()
        await line.over.wait()

    async def bot_says_goodbye(self) -> None:
        line = await Line.ring(self._port, self._clock)
        await line.bot_heard.wait()
        line.press("2")
        await line.over.wait()
        assert line.hung_up

    async def switch_dies(self) -> None:
        line = await self._talk_over_the_bot()
        line.reset()
        await line.over.wait()

    async def never_spoke(self) -> None:
        line = await Line.open(self._port, self._clock)
        await line.over.wait()
        assert line.was_reset

    async def refused(self) -> None:
        line = await Line.ring(self._port, self._clock)
        await line.over.wait()
        assert line.was_reset

    async def _talk_over_the_bot(self) -> Line:
        line = await Line.ring(self._port, self._clock)
        await line.bot_heard.wait()
        line.say(self._speech)
        # Long enough for the recogniser to be open.
        await asyncio.sleep(0.5)
        return line

    async def while_all_lines_are_taken(self, do: Callable[[], Awaitable[None]]) -> None:
        lines = [await Line.ring(self._port, self._clock) for _ in range(AT_ONCE)]
        await until(lambda: self._worker.live_calls == AT_ONCE, "all lines are taken")
        await do()
        for line in lines:
            line.close()
            await line.over.wait()


async def until(met: Callable[[], bool], what: str, within_s: float = SETTLE_S) -> None:
    deadline = time.monotonic() + within_s
    while not met():
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        await asyncio.sleep(0.05)


async def at_once(number: int, call: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """So many calls, `AT_ONCE` at a time."""
    for first in range(0, number, AT_ONCE):
        async with asyncio.timeout(180), asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, number - first)):
                group.create_task(call())


async def every_ending(
    callers: Callers, number: int, check: Callable[[str], Awaitable[None]]
) -> None:
    for call in (
        callers.caller_hangs_up,
        callers.bot_says_goodbye,
        callers.switch_dies,
        callers.never_spoke,
    ):
        await at_once(number, call)
        await check(call.__name__)
    await callers.while_all_lines_are_taken(lambda: at_once(number, callers.refused))
    await check("refused")


class MallInfo(ctypes.Structure):
    """`struct mallinfo2` of glibc (mallinfo(3)): bytes of all arenas together."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )


@dataclass(frozen=True)
class InUse:
    """Memory that somebody holds. What is resident tells less: the C library keeps what was freed,
    in pieces, and that goes up and down by megabytes from one hundred calls to the next."""

    bytes: int
    """Of native code: recognisers, sound, drivers."""
    blocks: int
    """Of Python's own allocator."""

    @classmethod
    def now(cls) -> InUse:
        gc.collect()
        library = ctypes.CDLL(None)
        library.mallinfo2.restype = MallInfo
        info = library.mallinfo2()
        return cls(info.uordblks + info.hblkhd, sys.getallocatedblocks())


async def calls_leave_nothing(folder: Path) -> None:
    async with neighbours(folder, max_calls=AT_ONCE) as given:
        settings = given.model_copy(update={"flow": short_flow(folder)})
        worker = Worker(settings, load_engines(settings))
        await worker.start()
        try:
            await _ring(worker, settings)
        finally:
            await worker.close()


async def _needs_no_search(callers: Callers, over: Callable[[str], Awaitable[None]]) -> None:
    """What a call leaves goes with it: a search for garbage would hold up every other call, at
    a hundred calls for up to a tenth of a second."""
    gc.disable()
    try:
        for call in (callers.caller_hangs_up, callers.bot_says_goodbye, callers.switch_dies):
            await at_once(FEW, call)
            await over(call.__name__)
            await until(lambda: not of_calls(), f"nothing of {call.__name__} is left")
    finally:
        gc.enable()


async def _ring(worker: Worker, settings: Settings) -> None:
    assert settings.synthesis_url is not None
    voice = SynthesisClient(settings.synthesis_url)
    speech = (await voice.synthesise("what is my balance", Voice(language="en"))).pcm
    await voice.close()
    speech = speech[: TELEPHONE.frame_bytes * 40]
    callers = Callers(worker, worker.audiosocket_port, speech)

    async def nothing(_: str) -> None:
        await until(lambda: worker.live_calls == 0, "the calls are over")

    # Pools, caches and connections are filled once; that is no leak.
    await every_ending(callers, AT_ONCE, nothing)
    before, in_use = Held.now(), InUse.now()
    await _needs_no_search(callers, nothing)
    began, cpu = time.monotonic(), time.process_time()

    async def no_more(ending: str) -> None:
        await nothing(ending)
        deadline = time.monotonic() + SETTLE_S
        while not (now := Held.now()).no_more_than(before):
            assert time.monotonic() < deadline, f"{ending}: {now}, before {before}"
            await asyncio.sleep(0.2)

    await every_ending(callers, CALLS, no_more)
    assert before.of_calls == 0
    calls = 5 * CALLS
    deadline = time.monotonic() + SETTLE_S
    while True:
        now = InUse.now()
        bytes_, blocks = (now.bytes - in_use.bytes) / calls, (now.blocks - in_use.blocks) / calls
        if bytes_ < MOST_BYTES_A_CALL and blocks < MOST_BLOCKS_A_CALL:
            break
        assert time.monotonic() < deadline, f"{bytes_:.0f} bytes, {blocks:.1f} blocks more a call"
        await asyncio.sleep(0.2)
    print(
        f"{calls} calls in {time.monotonic() - began:.0f} s, "
        f"{(time.process_time() - cpu) * 1000 / calls:.1f} ms of CPU each, both sides; "
        f"{bytes_:+.0f} bytes and {blocks:+.1f} blocks in use a call"
    )
    await _all_recorded(worker, settings)


async def _all_recorded(worker: Worker, settings: Settings) -> None:
    """Every call that was answered has its end in PostgreSQL, with the right cause."""
    url = settings.database_url
    assert url is not None
    each = CALLS + AT_ONCE + FEW
    answered = {"caller": each + 2 * AT_ONCE, "bot": each, "line": each}

    def causes() -> dict[str, int]:
        with psycopg.connect(url.get_secret_value()) as connection:
            rows = connection.execute("SELECT cause, count(*) FROM calls GROUP BY cause").fetchall()
        return {str(cause): int(number) for cause, number in rows}

    await until(lambda: sum(causes().values()) >= sum(answered.values()), "all calls recorded")
    assert causes() == answered


@pytest.mark.timeout(240)
def test_calls_leave_nothing_behind(tmp_path: Path) -> None:
    uvloop.run(calls_leave_nothing(tmp_path))
