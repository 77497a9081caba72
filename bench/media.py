"""What an idle call costs: CPU of the AudioSocket server beside that of a bare echo server.

    python bench/media.py --calls 400

Three processes: this one measures, one serves, one is the switch: it opens the calls, sends a frame
each 20 ms and notes when frames come back. The echo server is the floor: uvloop, one
`transport.write` per call on a 20 ms clock of its own, and nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, cast
from uuid import uuid4

import psutil
import uvloop

from ivr.audio.format import TELEPHONE
from ivr.telephony.audiosocket.protocol import Connection, Role
from ivr.telephony.audiosocket.server import AudioSocketServer
from ivr.telephony.call import Call, CallEnding
from ivr.telephony.media_clock import MediaClock

FRAME_S = TELEPHONE.ptime_ms / 1000
SILENCE = Connection(Role.WORKER).send_audio(TELEPHONE.silence)
CONNECTS_AT_ONCE = 20


class BareEcho(asyncio.Protocol):
    """Sends what came last, each 20 ms."""

    live: set[BareEcho]

    def __init__(self, live: set[BareEcho]) -> None:
        self.live = live
        self.frame = SILENCE

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self.transport = cast("asyncio.Transport", transport)
        self.live.add(self)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if len(data) == len(SILENCE):
            self.frame = data

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self.live.discard(self)


async def serve_echo() -> int:
    """Start the floor; returns its port."""
    loop = asyncio.get_running_loop()
    live: set[BareEcho] = set()
    started = time.monotonic()
    beats = 0

    def beat() -> None:
        nonlocal beats
        for each in live:
            each.transport.write(each.frame)
        beats += 1
        loop.call_later(max(0.0, started + beats * FRAME_S - time.monotonic()), beat)

    server = await loop.create_server(lambda: BareEcho(live), "127.0.0.1", 0, backlog=512)
    beat()
    return int(server.sockets[0].getsockname()[1])


class Listener:
    """Counts frames, as the least that a conversation does with each."""

    def __init__(self, call: Call) -> None:
        self.frames = 0
        call.attach(self)

    def audio_received(self, frame: bytes) -> None:
        """See CallListener."""
        self.frames += 1

    def digit_received(self, digit: str) -> None:
        """See CallListener."""

    def played(self, mark: int) -> None:
        """See CallListener."""

    def ended(self, ending: CallEnding) -> None:
        """See CallListener."""


_servers: list[AudioSocketServer] = []


async def serve_ivr() -> int:
    """Start ours; returns its port."""
    server = AudioSocketServer(
        "127.0.0.1",
        0,
        lambda call: cast("None", Listener(call)),
        clock=MediaClock(),
        max_calls=5000,
    )
    await server.start()
    _servers.append(server)
    return server.port


async def serve(start: Callable[[], Any]) -> None:
    """Say the port, and serve until killed."""
    print(await start(), flush=True)
    await asyncio.Event().wait()


class Caller(asyncio.Protocol):
    """One call of the switch."""

    def __init__(self, gaps: list[float]) -> None:
        self.gaps = gaps
        self.frames = 0
        self.last = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(Connection(Role.SWITCH).send_id(uuid4()))

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        now = time.monotonic()
        self.frames += len(data) // len(SILENCE)
        self.gaps.append(now - self.last)
        self.last = now


async def ring(port: int, calls: int, warm_up: float, seconds: float) -> None:
    """Be the switch; prints what came back as JSON."""
    loop = asyncio.get_running_loop()
    gaps: list[float] = []
    callers: list[Caller] = []
    while len(callers) < calls:
        batch = range(min(CONNECTS_AT_ONCE, calls - len(callers)))
        made = await asyncio.gather(
            *(loop.create_connection(lambda: Caller(gaps), "127.0.0.1", port) for _ in batch)
        )
        callers.extend(protocol for _, protocol in made)
        await asyncio.sleep(FRAME_S / 2)
    groups = [callers[index::4] for index in range(4)]
    started = time.monotonic()
    measuring_from, until = started + warm_up, started + warm_up + seconds
    print(json.dumps({"measure": True}), flush=True)
    frames_before: list[int] = []
    beats = 0
    while time.monotonic() < until:
        for caller in groups[beats % 4]:
            caller.transport.write(SILENCE)
        if not frames_before and time.monotonic() >= measuring_from:
            gaps.clear()
            frames_before = [caller.frames for caller in callers]
        beats += 1
        await asyncio.sleep(max(0.0, started + beats * FRAME_S / 4 - time.monotonic()))
    frames = sum(caller.frames for caller in callers) - sum(frames_before)
    gaps.sort()
    at = [round(gaps[int(share * (len(gaps) - 1))] * 1000, 1) for share in (0.5, 0.99, 1.0)]
    print(
        json.dumps({"frames_per_s": round(frames / seconds / calls, 2), "gap_ms_p50_p99_max": at})
    )
    for caller in callers:
        caller.transport.abort()


def measure(kind: str, calls: int, warm_up: float, seconds: float) -> dict[str, Any]:
    """CPU of a server of this kind under so many calls, in ms per call and second."""
    program = [sys.executable, __file__]
    with subprocess.Popen([*program, "--serve", kind], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        facts = ["--calls", str(calls), "--seconds", str(seconds), "--warm-up", str(warm_up)]
        with subprocess.Popen(
            [*program, "--ring", port, *facts], stdout=subprocess.PIPE, text=True
        ) as switch:
            assert switch.stdout is not None
            switch.stdout.readline()
            time.sleep(warm_up)
            process = psutil.Process(server.pid)
            before, began = process.cpu_times(), time.monotonic()
            time.sleep(seconds * 0.95)
            after, ended = process.cpu_times(), time.monotonic()
            heard = json.loads(switch.stdout.readline())
        server.kill()
    cpu = after.user + after.system - before.user - before.system
    return {
        "server": kind,
        "calls": calls,
        "cpu_ms_per_call_s": round(cpu * 1000 / (ended - began) / calls, 3),
        "user_share": round((after.user - before.user) / cpu, 2) if cpu else 0.0,
        **heard,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--warm-up", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--serve", choices=["echo", "ivr"], help=argparse.SUPPRESS)
    parser.add_argument("--ring", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        uvloop.run(serve(serve_echo if given.serve == "echo" else serve_ivr))
    elif given.ring:
        uvloop.run(ring(given.ring, given.calls, given.warm_up, given.seconds))
    else:
        for _ in range(given.rounds):
            for kind in ("echo", "ivr"):
                print(json.dumps(measure(kind, given.calls, given.warm_up, given.seconds)))


if __name__ == "__main__":
    main()
