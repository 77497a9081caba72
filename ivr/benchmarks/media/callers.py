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
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import uuid4

import numpy as np
import uvloop

from ivr.audio.format import TELEPHONE
from ivr.telephony.audiosocket.protocol import Connection, Role

FRAME_S = TELEPHONE.ptime_ms / 1000
PHASES = 4
"""Groups of calls whose frames leave at different moments of the 20 ms."""
CODEC = Connection(Role.WORKER)
SILENCE = CODEC.send_audio(TELEPHONE.silence)

_QUIET_FRAMES = 20
"""Frames without the bot's voice after which a caller speaks."""
_PATIENCE_FRAMES = 500
"""Frames without the bot's voice after which a caller gives the call up."""
_NOISE_DBFS = -60.0
_NOISE_FRAMES = 500
_AGAIN_S = 0.2


@dataclass
class Figures:
    """What came back, all calls together, once `measuring`."""

    measuring: bool = False
    gaps_s: array[float] = field(default_factory=lambda: array("d"))
    answers_s: array[float] = field(default_factory=lambda: array("d"))
    frames: int = 0
    spoken_frames: int = 0
    completed: int = 0
    given_up: int = 0
    refused: int = 0

    def summary(self, calls: int, seconds: float) -> dict[str, Any]:
        """Return them as percentiles, in ms."""
        return {
            "frames_per_call_s": round(self.frames / seconds / calls, 2),
            "speech_share": round(self.spoken_frames / max(self.frames, 1), 3),
            **_percentiles("gap", self.gaps_s, (50, 99, 99.9, 100)),
            **_percentiles("answer", self.answers_s, (50, 95)),
            "calls_completed": self.completed,
            "calls_given_up": self.given_up,
            "calls_refused": self.refused,
        }


def _percentiles(name: str, seconds: Sequence[float], wanted: Sequence[float]) -> dict[str, float]:
    if not len(seconds):
        return {}
    found = (np.percentile(np.asarray(seconds), wanted) * 1000).round(1).tolist()
    names = [f"{name}_{'max' if q == 100 else f'p{q:g}'.replace('.', '')}_ms" for q in wanted]
    return dict(zip(names, found, strict=True))


class Caller(asyncio.Protocol):
    """One call after the other. `sentences` and `between` are frames as they are written."""

    def __init__(
        self, figures: Figures, sentences: Sequence[Sequence[bytes]], between: Sequence[bytes]
    ) -> None:
        self.transport: asyncio.Transport | None = None
        self._figures = figures
        self._sentences = sentences
        self._between = between
        self._at = 0
        self._begin()

    def _begin(self) -> None:
        self._last = 0.0
        self._next = 0
        self._saying: Sequence[bytes] = ()
        self._said = 0
        self._quiet = 0
        self._bot_was_heard = False
        self._silent_since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._begin()
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(Connection(Role.SWITCH).send_id(uuid4()))

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        now = time.monotonic()
        figures = self._figures
        if figures.measuring and self._last:
            figures.frames += len(data) // len(SILENCE)
            figures.gaps_s.append(now - self._last)
        self._last = now
        if data == SILENCE:
            self._quiet += 1
        else:
            self._quiet = 0
            self._bot_was_heard = True
            if self._silent_since:
                if figures.measuring:
                    figures.answers_s.append(now - self._silent_since)
                self._silent_since = 0.0

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        figures = self._figures
        if self.transport is not None and figures.measuring:
            if not self._last:
                figures.refused += 1
            elif self._next >= len(self._sentences):
                figures.completed += 1
            else:
                figures.given_up += 1
        self.transport = None

    def tick(self) -> None:
        """20 ms have passed."""
        transport = self.transport
        if transport is None:
            return
        said = self._said
        if said < len(self._saying):
            transport.write(self._saying[said])
            self._said = said + 1
            self._figures.spoken_frames += self._figures.measuring
            if self._said == len(self._saying):
                self._silent_since = time.monotonic()
                self._bot_was_heard = False
                self._quiet = 0
            return
        self._at = (self._at + 1) % len(self._between)
        transport.write(self._between[self._at])
        if not self._sentences or self._quiet < _QUIET_FRAMES:
            return
        if self._bot_was_heard and self._next < len(self._sentences):
            self._saying = self._sentences[self._next]
            self._said = 0
            self._next += 1
        elif self._quiet > _PATIENCE_FRAMES:
            self._figures.given_up += self._figures.measuring
            self.transport = None
            transport.abort()


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
    ringing: set[asyncio.Task[None]] = set()

    async def connect(caller: Caller) -> None:
        try:
            await loop.create_connection(lambda: caller, given.host, given.port)
        except OSError:
            figures.refused += figures.measuring

    for index in range(given.calls):
        callers.append(Caller(figures, sentences, between))
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
            look_again = now + _AGAIN_S
            for caller in callers:
                if caller.transport is None:
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
    parser.add_argument("--says", default="")
    uvloop.run(ring(parser.parse_args()))


if __name__ == "__main__":
    main()
