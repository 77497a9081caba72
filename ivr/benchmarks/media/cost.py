"""One worker under many calls: what it takes, and what the phones hear of it."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ivr.benchmarks.media.process import Usage
from ivr.errors import IvrError
from ivr.phone.voice import CallerVoice
from ivr.ports import free_ports
from ivr.settings import PROJECT, Settings
from ivr.supervision.supervisor import Supervisor
from ivr.supervision.worker_process import WorkerProcess

IDLE_FLOW = PROJECT / "bench" / "media" / "flow.json"
"""A menu with a short prompt: most of the call it waits."""

SENTENCES = ("english", "what is my balance", "four four seven one two three", "no thank you")
"""What a talking caller says to the bank, each when the bot has fallen silent."""

TAKES_ALL = {"max_calls": 5000, "most_lag_ms": 60_000.0, "most_backlog_ms": 600_000.0}
"""Settings of a worker that refuses nobody, however late it is."""

_IDLE_WARM_UP_S = 13.0
"""The prompt is over by then, and its repetition after 5 s of silence; the next is 20 s away."""
_TALKING_WARM_UP_S = 12.0
_ECHO_WARM_UP_S = 2.0
_FIRST_CALLS = 20
_FIRST_CALLS_S = 6.0
_PAST_THE_MEASURED_S = 0.3

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a server took for its calls."""

    calls: int
    cores: float
    rss_kib_before: int
    rss_kib: int
    heard: dict[str, Any]
    """What the callers noted; see `callers`."""

    @property
    def cpu_ms_per_call_second(self) -> float:
        """CPU for one second of one call, in ms."""
        return self.cores * 1000 / self.calls

    @property
    def rss_kb_per_call(self) -> float:
        """Resident memory for one call more, in KiB."""
        return (self.rss_kib - self.rss_kib_before) / self.calls


async def cost_of_echo(calls: int, seconds: float) -> Cost:
    """Measure the floor."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ivr.benchmarks.media.echo", stdout=PIPE
    )
    try:
        assert process.stdout is not None
        port = int(await process.stdout.readline())
        return await cost_of(process.pid, port, calls, warm_up=_ECHO_WARM_UP_S, seconds=seconds)
    finally:
        process.kill()
        await process.wait()


async def cost_of_worker(
    settings: Settings, folder: Path, calls: int, seconds: float, *, talking: bool, told: Told
) -> Cost:
    """Measure a worker, as it is in production but for what is embedded in `folder`. Raises
    IvrError when it does not start."""
    says = await sentences(settings, folder) if talking else None
    flow = settings.flow if talking else IDLE_FLOW
    told("starting a worker")
    given = settings.model_copy(update={"flow": flow, **TAKES_ALL})
    async with bench_worker(given, folder) as (pid, port):
        told("its first calls")
        # What is loaded and connected once, with the first calls, belongs to no call.
        await cost_of(pid, port, _FIRST_CALLS, warm_up=_FIRST_CALLS_S, seconds=1.0, says=says)
        told(f"{calls} calls")
        warm_up = _TALKING_WARM_UP_S if talking else _IDLE_WARM_UP_S
        return await cost_of(pid, port, calls, warm_up=warm_up, seconds=seconds, says=says)


async def cost_of(
    pid: int,
    port: int,
    calls: int,
    *,
    warm_up: float,
    seconds: float,
    ramp: float = 0.0,
    says: Path | None = None,
) -> Cost:
    """Ring a server at `port` with so many calls at once, silent ones or such as say `says`, and
    measure its process once `warm_up` seconds have passed; they begin to ring over `ramp` seconds
    of these."""
    before = Usage.of(pid)
    arguments = {
        "--port": port,
        "--calls": calls,
        "--warm-up": warm_up,
        "--seconds": seconds + _PAST_THE_MEASURED_S,
        "--ramp": ramp,
        "--says": says or "",
    }
    switch = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ivr.benchmarks.media.callers"),
        *(str(part) for pair in arguments.items() for part in pair),
        stdout=PIPE,
    )
    try:
        assert switch.stdout is not None
        if not await switch.stdout.readline():
            raise IvrError("The callers of the bench have not begun.")
        began = Usage.of(pid)
        highest = began.rss_kib
        for _ in range(10):
            await asyncio.sleep(seconds / 10)
            ended = Usage.of(pid)
            highest = max(highest, ended.rss_kib)
        heard = json.loads(await switch.stdout.readline())
    finally:
        if switch.returncode is None:
            switch.terminate()
        await switch.wait()
    return Cost(
        calls=calls,
        cores=ended.cores_since(began),
        rss_kib_before=before.rss_kib,
        rss_kib=highest,
        heard=heard,
    )


@asynccontextmanager
async def bench_worker(settings: Settings, folder: Path) -> AsyncIterator[tuple[int, int]]:
    """A worker of its own; yields its process id and the port where it takes calls. Nobody
    replaces it: what is loaded as heavily as here may be late to say that it lives."""
    audiosocket_port, freeswitch_port, http_port = free_ports(3)
    supervisor = Supervisor(
        settings.model_copy(
            update={
                "audiosocket_port": audiosocket_port,
                "freeswitch_port": freeswitch_port,
                "http_port": http_port,
                "workers": 1,
                "drain_s": 0.0,
                "var_dir": folder / "var",
            }
        )
    )
    await supervisor.start(watching=False)
    try:
        (pid,) = (ward.pid for ward in supervisor.wards if isinstance(ward, WorkerProcess))
        assert pid is not None
        yield pid, audiosocket_port
    finally:
        await supervisor.stop()


async def sentences(settings: Settings, folder: Path) -> Path:
    """What talking callers say, as an archive for `callers`."""
    voice = CallerVoice(settings)
    try:
        spoken = [(await voice.speak(text)).samples for text in SENTENCES]
    finally:
        await voice.close()
    path = folder / "says.npz"
    np.savez(path, *spoken)
    return path
