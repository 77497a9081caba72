"""Ten thousand calls through one worker: what it holds after each thousand.

    python -m bench.long_run

Callers ring over AudioSocket, some at once; each hears the bot begin, interrupts it with a word, is
answered and hangs up. Memory is looked at when all calls of a thousand have ended.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import cast
from uuid import uuid4

import click
import numpy as np
import uvloop
from rich.progress import Progress

from ivr.benchmarks.media.callers import SILENCE, framed, is_silent
from ivr.benchmarks.media.cost import TAKES_ALL, bench_worker
from ivr.benchmarks.media.process import Usage
from ivr.benchmarks.media.talker import Figures, Talker
from ivr.benchmarks.results import machine, save
from ivr.phone.voice import CallerVoice
from ivr.settings import PROJECT, load_settings
from ivr.telephony.audiosocket.protocol import Connection, Role
from ivr.telephony.media_clock import MediaClock

SENTENCE = "balance"
FLOW = PROJECT / "bench" / "media" / "flow.json"
_INTERRUPTS_AFTER = 10
_HEARS_ANSWER_FRAMES = 15
_CALL_LIMIT_S = 40.0
_SETTLE_S = 2.0
_EACH = 1000


class ShortCall(asyncio.Protocol):
    """One call, until the caller has heard the beginning of the answer."""

    def __init__(self, talker: Talker, clock: MediaClock) -> None:
        self.over = asyncio.Event()
        self.was_answered = False
        self._talker = talker
        self._clock = clock
        self._transport: asyncio.Transport | None = None
        self._left = _HEARS_ANSWER_FRAMES

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(Connection(Role.SWITCH).send_id(uuid4()))
        self._clock.subscribe(self._tick)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        silent = is_silent(data)
        self._talker.heard(len(data) // len(SILENCE), silent=silent, now=time.monotonic())
        if self._talker.has_said_all and not silent:
            self._left -= 1

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._clock.unsubscribe(self._tick)
        self._transport = None
        self.over.set()

    def hang_up(self) -> None:
        """End the call as a switch does whose caller has hung up."""
        self._clock.unsubscribe(self._tick)
        if self._transport is not None:
            self._transport.write_eof()

    def _tick(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._left <= 0:
            self.was_answered = True
            self.hang_up()
        else:
            self._transport.write(self._talker.frame(time.monotonic()))


async def _call(port: int, sentence: list[bytes], clock: MediaClock) -> bool:
    talker = Talker(Figures(), [sentence], [SILENCE], interrupts=_INTERRUPTS_AFTER)
    call = ShortCall(talker, clock)
    try:
        async with asyncio.timeout(_CALL_LIMIT_S):
            await asyncio.get_running_loop().create_connection(lambda: call, "127.0.0.1", port)
            await call.over.wait()
    except (TimeoutError, OSError):
        call.hang_up()
    return call.was_answered


async def measure(calls: int, at_once: int, bar: Progress) -> list[tuple[int, float, int, int]]:
    """Ring so many times; (calls, MiB, files, answered) after each thousand, first of all none."""
    settings = load_settings().model_copy(update={"log_level": "error", "flow": FLOW, **TAKES_ALL})
    voice = CallerVoice(settings)
    try:
        sound = (await voice.speak(SENTENCE)).samples
    finally:
        await voice.close()
    sentence, clock = framed(np.asarray(sound)), MediaClock()
    task = bar.add_task(f"{calls:,} calls", total=calls)
    seen: list[tuple[int, float, int, int]] = []
    with tempfile.TemporaryDirectory() as folder:
        async with bench_worker(settings, Path(folder)) as (pid, port):
            free = asyncio.Semaphore(at_once)
            answered = 0

            async def one() -> None:
                nonlocal answered
                async with free:
                    was_answered = await _call(port, sentence, clock)
                    answered += was_answered
                bar.advance(task)

            def look(done: int) -> None:
                mib = Usage.of(pid).rss_kib / 1024
                seen.append((done, mib, len(os.listdir(f"/proc/{pid}/fd")), answered))

            look(0)
            for done in range(_EACH, calls + 1, _EACH):
                await asyncio.gather(*(one() for _ in range(_EACH)))
                await asyncio.sleep(_SETTLE_S)
                look(done)
                bar.console.print(*(f"{value:.1f}" for value in seen[-1]))
    return seen


@click.command()
@click.option("--calls", default=10_000, show_default=True)
@click.option("--at-once", default=60, show_default=True)
def main(calls: int, at_once: int) -> None:
    """Print what the worker holds after each thousand calls."""
    where = machine()
    with Progress() as bar:
        seen = uvloop.run(measure(calls, at_once, bar))
    first = seen[1][1]
    save(
        "long-run",
        title="Ten thousand calls through one worker",
        order=28,
        text=f"{calls:,} calls over AudioSocket, {at_once} at once: each caller interrupts the bot "
        "with a word, is answered and hangs up. What the worker's process holds when all calls "
        "of a thousand have ended.",
        command="python -m bench.long_run",
        rows={
            f"after {done:,} calls": {
                "resident, MiB": round(mib, 1),
                "more than after the first thousand, %": (
                    round(100 * (mib / first - 1), 1) if done else None
                ),
                "open files": files,
                "answered": answered,
            }
            for done, mib, files, answered in seen
        },
        where=where,
    )


if __name__ == "__main__":
    main()
