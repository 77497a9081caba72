"""Talking calls at once through a real FreeSWITCH, beside a bare echo worker in the same run.

    IVR_FREESWITCH=$(which freeswitch) python -m bench.freeswitch_calls

Each phone asks for its balance in speech, is told it, says good-bye, and rings again until the
time is up; it speaks for about a quarter of that time. Afterwards as many phones hold a call with
a worker that does nothing but send back each frame. The figures are the phones': gaps between the
RTP packets that arrive once the bot has been heard, and the time from the end of the caller's
speech to the first sound of the answer. Phones, switch, workers and databases share the machine.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import numpy as np
import psutil
import uvloop
from rich.progress import Progress

from ivr.audio.format import Audio
from ivr.phone.caller import Caller
from ivr.phone.handset import CallOver, Handset
from ivr.phone.sip import NotAnswered, SipPhone
from ivr.phone.voice import CallerVoice
from ivr.settings import PROJECT, Settings
from tests.e2e.stack import Stack
from tests.freeswitch.switch import FreeSwitch
from tests.prompts import render_spoken

SENTENCES = ("what is my balance", "four four seven one two three", "no thank you")
_ENGLISH = "7003"
_UNASKED = "7006"
_WELCOME_S = 0.5
_PAUSE_MS = 300.0
_CALL_LIMIT_S = 120.0
_STAGGER_S = 0.25


@dataclass
class Figures:
    """What the phones noted."""

    completed: int = 0
    failed: list[str] = field(default_factory=list)
    frame_gaps_ms: list[float] = field(default_factory=list)
    answer_gaps_ms: list[float] = field(default_factory=list)
    spoken_s: float = 0.0
    on_line_s: float = 0.0

    def summary(self) -> dict[str, Any]:
        """Return them as percentiles."""
        return {
            "completed": self.completed,
            "failed": len(self.failed),
            "speech_share": round(self.spoken_s / max(self.on_line_s, 1e-9), 3),
            "frame_gap_ms": percentiles(self.frame_gaps_ms, (50, 99, 99.9, 100)),
            "frames": len(self.frame_gaps_ms),
            "answer_gap_ms": percentiles(self.answer_gaps_ms, (50, 95, 100)),
        }


@dataclass
class Cpu:
    """CPU seconds of groups of processes, so far."""

    seconds: dict[str, float]
    at: float

    @classmethod
    def now(cls, groups: Mapping[str, Sequence[int]]) -> Cpu:
        """Read it."""
        return cls({name: sum(map(_cpu_of, pids)) for name, pids in groups.items()}, time.time())

    def since(self, before: Cpu, calls: int) -> dict[str, dict[str, float]]:
        """In cores, and in per cent of a core for each call."""
        lasted = self.at - before.at
        cores = {
            name: (self.seconds[name] - before.seconds[name]) / lasted for name in self.seconds
        }
        return {
            "cores": {name: round(value, 3) for name, value in cores.items()},
            "percent_of_a_core_per_call": {
                name: round(value * 100 / calls, 2) for name, value in cores.items()
            },
        }


async def talking_call(
    target: str, number: str, sounds: dict[str, Audio], figures: Figures
) -> None:
    """Make one whole call, and note what it was like."""
    phone = SipPhone(target, number=number, handset=Handset(keep_record=False))
    caller = Caller(phone, _no_voice)
    began = time.monotonic()
    try:
        async with asyncio.timeout(_CALL_LIMIT_S):
            await phone.ring(10)
            await caller.hear_bot_begin()
            phone.handset.arrival_gaps_ms.clear()
            await asyncio.sleep(_WELCOME_S)
            for sentence in SENTENCES:
                await caller.speak(sounds[sentence])
                figures.spoken_s += sounds[sentence].duration_ms / 1000
                await caller.hear_bot_begin_answer()
                if phone.handset.last_gap_ms is not None:
                    figures.answer_gaps_ms.append(phone.handset.last_gap_ms)
                if sentence is not SENTENCES[-1]:
                    await caller.hear_bot_out(quiet_ms=_PAUSE_MS)
            await asyncio.wait_for(phone.ended.wait(), 20)
            figures.completed += 1
    except (TimeoutError, CallOver, NotAnswered, OSError) as error:
        figures.failed.append(f"{number}: {type(error).__name__} {error} {phone.end_reason}")
    finally:
        figures.frame_gaps_ms += phone.handset.arrival_gaps_ms
        figures.on_line_s += time.monotonic() - began
        await phone.hang_up()


async def echo_call(target: str, seconds: float, figures: Figures) -> None:
    """Hold one call with the floor."""
    phone = SipPhone(target, handset=Handset(keep_record=False))
    try:
        await phone.ring(10)
        await asyncio.sleep(1.0)
        phone.handset.arrival_gaps_ms.clear()
        await asyncio.sleep(seconds)
        figures.completed += 1
    except (NotAnswered, OSError) as error:
        figures.failed.append(str(error))
    finally:
        figures.frame_gaps_ms += phone.handset.arrival_gaps_ms
        await phone.hang_up()


async def _no_voice(text: str) -> Audio:
    raise AssertionError(text)


async def _bank(
    stack: Stack, switch: FreeSwitch, calls: int, seconds: float, bar: Progress
) -> dict[str, Any]:
    voice = CallerVoice(Settings())
    sounds = {text: await voice.speak(text) for text in SENTENCES}
    await voice.close()
    figures = Figures()
    groups = {
        "workers": [stack.worker_pid(f"worker-{n}") for n in range(stack.workers)],
        "workers_and_servers": stack.descendants(),
        "freeswitch": [switch.pid],
        "phones": [psutil.Process().pid],
    }
    steady = asyncio.Event()

    async def line(index: int) -> None:
        # A person does not dial in step with the others.
        await asyncio.sleep(index * _STAGGER_S)
        if index == calls - 1:
            steady.set()
        while time.monotonic() < until:
            await talking_call(switch.sip_target(_ENGLISH), f"+91400000{index:04}", sounds, figures)

    until = time.monotonic() + calls * _STAGGER_S + seconds
    task = bar.add_task(f"{calls} calls to the bank", total=until - time.monotonic())
    lines = asyncio.gather(*(line(index) for index in range(calls)))
    await steady.wait()
    before = Cpu.now(groups)
    while time.monotonic() < until:
        await asyncio.sleep(0.5)
        bar.update(task, completed=calls * _STAGGER_S + seconds - (until - time.monotonic()))
    cpu = Cpu.now(groups).since(before, calls)
    await lines
    for failure in figures.failed:
        click.echo(failure, err=True)
    return {**figures.summary(), "cpu": cpu}


async def _echo(switch: FreeSwitch, calls: int, seconds: float, bar: Progress) -> dict[str, Any]:
    figures = Figures()
    command = [sys.executable, "-m", "bench.esl_workers", "echo"]
    task = bar.add_task(f"{calls} calls to an echo worker", total=None)
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, cwd=PROJECT)
    try:
        assert process.stdout is not None
        port = int(await process.stdout.readline())
        operator = await switch.operator()
        await operator.api(f"global_setvar ivr_worker_1=127.0.0.1:{port}")
        await operator.close()
        groups = {
            "worker": [process.pid],
            "freeswitch": [switch.pid],
            "phones": [psutil.Process().pid],
        }
        target = switch.sip_target(_UNASKED)

        async def later(index: int) -> None:
            await asyncio.sleep(index * 0.05)
            await echo_call(target, seconds, figures)

        lines = asyncio.gather(*(later(index) for index in range(calls)))
        await asyncio.sleep(calls * 0.05 + 1)
        before = Cpu.now(groups)
        await asyncio.sleep(max(1.0, seconds - calls * 0.05 - 1))
        cpu = Cpu.now(groups).since(before, calls)
        await lines
    finally:
        process.kill()
        await process.wait()
    bar.remove_task(task)
    return {**figures.summary(), "cpu": cpu}


async def measure(
    calls: int, seconds: float, echo_seconds: float, stack: Stack, switch: FreeSwitch
) -> dict[str, Any]:
    """Both kinds of calls."""
    with Progress(transient=True) as bar:
        bank = await _bank(stack, switch, calls, seconds, bar)
        echo = await _echo(switch, calls, echo_seconds, bar)
    return {
        "calls_at_once": calls,
        "seconds": seconds,
        "workers": stack.workers,
        "bank": bank,
        "echo": echo,
    }


def _cpu_of(pid: int) -> float:
    with suppress(psutil.Error):
        times = psutil.Process(pid).cpu_times()
        return times.user + times.system
    return 0.0


def percentiles(values: Sequence[float], wanted: Sequence[float]) -> dict[str, float]:
    """Return them by name, e.g. "p99.9"."""
    if not values:
        return {}
    found = np.percentile(np.asarray(values), wanted)
    return {f"p{q:g}": round(float(value), 1) for q, value in zip(wanted, found, strict=True)}


@click.command()
@click.option("--calls", default=100, show_default=True)
@click.option("--seconds", default=300.0, show_default=True)
@click.option("--echo-seconds", default=60.0, show_default=True)
@click.option("--workers", default=2, show_default=True)
def main(calls: int, seconds: float, echo_seconds: float, workers: int) -> None:
    """Print one JSON document."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        render_spoken(folder / "sounds", "freeswitch")
        environment = {"IVR_LOG_LEVEL": "warning"}
        with Stack(folder / "var", workers=workers, environment=environment) as stack:
            switch = FreeSwitch.before(folder, stack.notes.freeswitch_ports)
            try:
                result = uvloop.run(measure(calls, seconds, echo_seconds, stack, switch))
            finally:
                switch.stop()
    click.echo(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
