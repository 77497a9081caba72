"""A switch's end of many AudioSocket calls, as lean as Python can be: it sends a frame each 20 ms
for each of them, notes when frames come back, and rings again where a call ends.

    python -m ivr.benchmarks.media.callers --port 9092 --calls 400 --warm-up 15 --seconds 15

Prints `{"measure": true}` once it has warmed up, and what came back as JSON at the end. Without
`--says` callers are silent. It names a NumPy archive of sentences (int16, 8,000 Hz): each caller
says one whenever the bot has fallen silent, and hangs up where the bot says nothing. What they
send between sentences is noise at -60 dBFS.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import time
from collections.abc import Callable
from typing import Any, cast
from uuid import uuid4

import numpy as np
import uvloop

from ivr.audio.format import TELEPHONE
from ivr.benchmarks.media.talker import Figures, Talker
from ivr.telephony.audiosocket.protocol import Connection, Role

FRAME_S = TELEPHONE.ptime_ms / 1000
PHASES = 4
"""Groups of calls whose frames leave at different moments of the 20 ms."""
CODEC = Connection(Role.WORKER)
SILENCE = CODEC.send_audio(TELEPHONE.silence)

_NOISE_DBFS = -60.0
_NOISE_FRAMES = 500
_LOOKS_EACH_S = 0.2
_AGAIN_S = 2.0
"""After so long a line that was refused rings again."""


class Caller(asyncio.Protocol):
    """One call after the other."""

    def __init__(self, figures: Figures, make: Callable[[], Talker]) -> None:
        self.transport: asyncio.Transport | None = None
        self.rings_at = 0.0
        """When it may ring again, monotonic."""
        self._figures = figures
        self._make = make
        self._talker = make()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._talker = self._make()
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(Connection(Role.SWITCH).send_id(uuid4()))

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        frames = len(data) // len(SILENCE)
        self._talker.heard(frames, silent=is_silent(data), now=time.monotonic())

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        figures, talker = self._figures, self._talker
        if self.transport is not None and figures.measuring:
            if not talker.was_answered:
                figures.refused += 1
            elif talker.has_said_all:
                figures.completed += 1
            else:
                figures.given_up += 1
        if talker.was_answered:
            self.rings_at = 0.0
        self.transport = None

    def tick(self) -> None:
        """20 ms have passed."""
        transport = self.transport
        if transport is None:
            return
        transport.write(self._talker.frame(time.monotonic()))
        if self._talker.has_lost_patience:
            self._figures.given_up += self._figures.measuring
            self.transport = None
            transport.abort()


def is_silent(data: bytes) -> bool:
    """Whether all the frames that came together are silence."""
    return data == SILENCE or data.count(SILENCE) * len(SILENCE) == len(data)


def framed(samples: np.ndarray[Any, Any]) -> list[bytes]:
    """Sound as AudioSocket frames."""
    size = TELEPHONE.frame_samples
    whole = np.pad(samples, (0, -len(samples) % size)).reshape(-1, size)
    return [CODEC.send_audio(row.astype("<i2").tobytes()) for row in whole]


def _sounds(says: str) -> tuple[list[list[bytes]], list[bytes]]:
    if not says:
        return [], [SILENCE]
    draw = np.random.default_rng(0)
    level = 32768 * 10 ** (_NOISE_DBFS / 20)
    noise = draw.normal(0, level, _NOISE_FRAMES * TELEPHONE.frame_samples)
    with np.load(says) as archive:
        sentences = [archive[f"arr_{index}"] for index in range(len(archive.files))]
    noisy = [each + draw.normal(0, level, len(each)) for each in sentences]
    return [framed(each.clip(-32768, 32767)) for each in noisy], framed(noise)


async def ring(given: argparse.Namespace) -> None:
    """Be the switch."""
    loop = asyncio.get_running_loop()
    figures = Figures()
    sentences, between = _sounds(given.says)
    callers: list[Caller] = []

    def talker() -> Talker:
        return Talker(figures, sentences, between)

    ringing: set[asyncio.Task[None]] = set()

    async def connect(caller: Caller) -> None:
        try:
            await loop.create_connection(lambda: caller, given.host, given.port)
        except OSError:
            figures.refused += figures.measuring

    apart_s = given.ramp / given.calls
    for index in range(given.calls):
        callers.append(Caller(figures, talker))
        if apart_s:
            continue
        await connect(callers[-1])
        if index % given.at_once == given.at_once - 1:
            await asyncio.sleep(FRAME_S)
    gc.freeze()
    started = time.monotonic()
    measuring_from, until = started + given.warm_up, started + given.warm_up + given.seconds
    groups = [callers[index::PHASES] for index in range(PHASES)]
    beats = 0
    look_again = started
    while (now := time.monotonic()) < until:
        for caller in groups[beats % PHASES]:
            caller.tick()
        if now > look_again:
            look_again = now + _LOOKS_EACH_S
            for index, caller in enumerate(callers):
                due = max(caller.rings_at, started + index * apart_s)
                if caller.transport is None and now >= due:
                    caller.rings_at = now + _AGAIN_S
                    task = loop.create_task(connect(caller))
                    ringing.add(task)
                    task.add_done_callback(ringing.discard)
        if not figures.measuring and now >= measuring_from:
            figures.measuring = True
            print(json.dumps({"measure": True}), flush=True)
        beats += 1
        await asyncio.sleep(max(0.0, started + beats * FRAME_S / PHASES - time.monotonic()))
    print(json.dumps(figures.summary(given.calls, given.seconds)), flush=True)
    for caller in callers:
        if caller.transport is not None:
            caller.transport.abort()


def main() -> None:
    """Be told what to ring."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--warm-up", type=float, default=2.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--at-once", type=int, default=4, help="New calls each 20 ms.")
    parser.add_argument("--ramp", type=float, default=0.0, help="Seconds until all have rung.")
    parser.add_argument("--says", default="")
    uvloop.run(ring(parser.parse_args()))


if __name__ == "__main__":
    main()
