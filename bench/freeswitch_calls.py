"""Talking calls at once through a real FreeSWITCH, beside a bare echo worker in the same run.

    IVR_FREESWITCH=$(which freeswitch) python -m bench.freeswitch_calls

Each phone asks for its balance in speech, is told it, says good-bye, and rings again until the
time is up; it speaks for a quarter of that time. A call that a worker refuses has failed.
Afterwards as many phones hold a call with a worker that does nothing but send back each frame. The
figures are the phones': gaps between the RTP packets that arrive, and the time from the end of the
caller's speech to the first sound of the answer. Phones, switch, workers and databases share the
machine; the phones are lean (`lean_phone`), so that what is measured is not them.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import numpy as np
import psutil
import uvloop
from rich.progress import Progress

from bench.lean_phone import LeanMedia, payloads
from ivr.audio.format import TELEPHONE
from ivr.benchmarks.media.talker import Figures, Talker, percentiles
from ivr.benchmarks.results import Cell, Machine, machine, save
from ivr.phone.handset import Handset
from ivr.phone.sip import NotAnswered, SipPhone
from ivr.phone.voice import CallerVoice
from ivr.settings import PROJECT, Settings
from ivr.telephony.media_clock import FrameClock, MediaClock
from tests.e2e.stack import Stack
from tests.freeswitch.switch import FreeSwitch
from tests.prompts import render_spoken

SENTENCES = (
    "i would like to check my account balance please",
    "four four seven one two three",
    "no thank you",
)
_ENGLISH = "7003"
_UNASKED = "7006"
_WELCOME_FRAMES = 200
"""Of the welcome are listened to before it is interrupted."""
_RING_S = 20.0
_CALL_LIMIT_S = 120.0
_PACE_S = 0.25
"""Between two new calls while the lines fill: a person does not dial in step with the others."""
_AGAIN_S = 2.0
"""After a call that failed: nobody rings again faster."""
_NOISE_DBFS = -60.0
_NOISE_FRAMES = 500


@dataclass
class Lines:
    """What all calls of one kind share, and what came of them."""

    talker: Callable[[Figures], Talker]
    clock: FrameClock = field(default_factory=MediaClock)
    figures: Figures = field(default_factory=Figures)
    failed: list[str] = field(default_factory=list)

    def summary(self, calls: int, seconds: float) -> dict[str, Any]:
        """Return the figures."""
        figures = self.figures
        return {
            "completed": figures.completed,
            "failed": len(self.failed),
            "speech_share": round(figures.spoken_frames / max(figures.frames_sent, 1), 3),
            "frames": figures.frames,
            "frames_per_call_s": round(figures.frames / seconds / calls, 2),
            **percentiles("gap", figures.gaps_s, (50, 99, 99.9, 100)),
            **percentiles("answer", figures.answers_s, (50, 95, 100)),
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


def _phone(target: str, number: str, talker: Talker, clock: FrameClock) -> SipPhone:
    phone = SipPhone(target, number=number, handset=Handset(keep_record=False))
    phone.media = LeanMedia(talker, clock)
    return phone


async def talking_call(target: str, number: str, lines: Lines) -> bool:
    """Make one whole call, until the bot has said good-bye; returns whether it came to that."""
    talker = lines.talker(lines.figures)
    phone = _phone(target, number, talker, lines.clock)
    try:
        async with asyncio.timeout(_CALL_LIMIT_S):
            await phone.ring(_RING_S)
            await phone.ended.wait()
        if talker.has_said_all:
            lines.figures.completed += 1
            return True
        lines.failed.append(f"{number}: cut short, {phone.end_reason}")
    except (TimeoutError, NotAnswered, OSError) as error:
        lines.failed.append(f"{number}: {type(error).__name__} {error} {phone.end_reason}")
    finally:
        await phone.hang_up()
    return False


async def echo_call(target: str, number: str, seconds: float, lines: Lines) -> None:
    """Hold one call with the floor."""
    phone = _phone(target, number, lines.talker(lines.figures), lines.clock)
    try:
        await phone.ring(_RING_S)
        await asyncio.sleep(seconds)
        lines.figures.completed += 1
    except (NotAnswered, OSError) as error:
        lines.failed.append(f"{number}: {error}")
    finally:
        await phone.hang_up()


async def _sounds() -> tuple[list[list[bytes]], list[bytes]]:
    """Each sentence, and the noise of the line, as payloads."""
    voice = CallerVoice(Settings())
    try:
        spoken = [(await voice.speak(text)).samples for text in SENTENCES]
    finally:
        await voice.close()
    draw = np.random.default_rng(0)
    level = 32768 * 10 ** (_NOISE_DBFS / 20)
    noise = draw.normal(0, level, _NOISE_FRAMES * TELEPHONE.frame_samples)
    noisy = [each + draw.normal(0, level, len(each)) for each in spoken]
    return [_coded(each) for each in noisy], _coded(noise)


def _coded(samples: Any) -> list[bytes]:
    return payloads(samples.clip(-32768, 32767).astype("<i2").tobytes())


async def _bank(
    stack: Stack, switch: FreeSwitch, calls: int, seconds: float, bar: Progress
) -> dict[str, Any]:
    sentences, noise = await _sounds()
    lines = Lines(lambda figures: Talker(figures, sentences, noise, interrupts=_WELCOME_FRAMES))
    groups = {
        "workers": [stack.worker_pid(f"worker-{n}") for n in range(stack.workers)],
        "workers_and_servers": stack.descendants(),
        "freeswitch": [switch.pid],
        "phones": [psutil.Process().pid],
    }
    filled_s = calls * _PACE_S
    until = time.monotonic() + filled_s + seconds

    async def line(index: int) -> None:
        await asyncio.sleep(index * _PACE_S)
        while time.monotonic() < until:
            number = f"+91400000{index:04}"
            if not await talking_call(switch.sip_target(_ENGLISH), number, lines):
                await asyncio.sleep(_AGAIN_S)

    task = bar.add_task(f"{calls} calls to the bank", total=filled_s + seconds)
    ringing = asyncio.gather(*(line(index) for index in range(calls)))
    await asyncio.sleep(filled_s)
    lines.figures.measuring = True
    before = Cpu.now(groups)
    while time.monotonic() < until:
        await asyncio.sleep(0.5)
        bar.update(task, completed=filled_s + seconds - (until - time.monotonic()))
    cpu = Cpu.now(groups).since(before, calls)
    lines.figures.measuring = False
    await ringing
    for failure in lines.failed:
        click.echo(failure, err=True)
    return {**lines.summary(calls, seconds), "cpu": cpu}


async def _echo(switch: FreeSwitch, calls: int, seconds: float, bar: Progress) -> dict[str, Any]:
    _, noise = await _sounds()
    lines = Lines(lambda figures: Talker(figures, (), noise))
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
        filled_s = calls * _PACE_S
        target = switch.sip_target(_UNASKED)

        async def line(index: int) -> None:
            await asyncio.sleep(index * _PACE_S)
            held_s = filled_s - index * _PACE_S + seconds
            await echo_call(target, f"+91400000{index:04}", held_s, lines)

        ringing = asyncio.gather(*(line(index) for index in range(calls)))
        await asyncio.sleep(filled_s + 0.5)
        lines.figures.measuring = True
        before = Cpu.now(groups)
        await asyncio.sleep(seconds - 1)
        cpu = Cpu.now(groups).since(before, calls)
        lines.figures.measuring = False
        await ringing
    finally:
        process.kill()
        await process.wait()
    bar.remove_task(task)
    return {**lines.summary(calls, seconds - 1), "cpu": cpu}


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


def _keep(result: dict[str, Any], where: Machine, command: str, note: str) -> None:
    rows: dict[str, dict[str, Cell]] = {}
    for name, worker in (("bank", "workers"), ("echo", "worker")):
        found = result[name]
        shares = found["cpu"]["percent_of_a_core_per_call"]
        rows[name] = {
            "calls completed": found["completed"],
            "failed": found["failed"],
            "speech, %": round(found["speech_share"] * 100, 1) if name == "bank" else None,
            "frame gap p99, ms": found["gap_p99_ms"],
            "p99.9, ms": found["gap_p999_ms"],
            "longest, ms": found["gap_max_ms"],
            "answer p50, ms": found.get("answer_p50_ms") if name == "bank" else None,
            "p95, ms": found.get("answer_p95_ms") if name == "bank" else None,
            "worker, % of a core a call": shares[worker],
            "FreeSWITCH": shares["freeswitch"],
            "phone": shares["phones"],
        }
    save(
        f"freeswitch-calls-{result['calls_at_once']}",
        title=f"{result['calls_at_once']} talking calls at once through FreeSWITCH",
        order=30,
        text=f"{result['calls_at_once']} phones for {result['seconds']:g} s, {result['workers']} "
        "workers: each asks for its balance in speech, is told it, says good-bye and rings again. "
        "Afterwards as many phones hold a call with a bare echo worker. Gaps are between the RTP "
        "packets that arrive at the phones; phones, switch, workers and databases share the "
        "machine.",
        command=command,
        rows=rows,
        where=where,
        versions={"freeswitch": "1.10.12"},
        note=note,
    )


@click.command()
@click.option("--calls", default=100, show_default=True)
@click.option("--seconds", default=300.0, show_default=True)
@click.option("--echo-seconds", default=60.0, show_default=True)
@click.option("--workers", default=2, show_default=True)
@click.option("--note", default="", help="What is odd about this run, for the page.")
def main(calls: int, seconds: float, echo_seconds: float, workers: int, note: str) -> None:
    """Print one JSON document."""
    where = machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        render_spoken(folder / "sounds", "freeswitch")
        fields = Settings.model_fields
        environment = {
            "IVR_LOG_LEVEL": "warning",
            "IVR_MOST_LAG_MS": str(fields["most_lag_ms"].default),
            "IVR_MOST_BACKLOG_MS": str(fields["most_backlog_ms"].default),
        }
        with Stack(folder / "var", workers=workers, environment=environment) as stack:
            switch = FreeSwitch.before(folder, stack.notes.freeswitch_ports)
            try:
                result = uvloop.run(measure(calls, seconds, echo_seconds, stack, switch))
            finally:
                switch.stop()
    click.echo(json.dumps(result, indent=1))
    command = f"python -m bench.freeswitch_calls --calls {calls} --seconds {seconds:g}"
    _keep(result, where, f"IVR_FREESWITCH=$(which freeswitch) {command}", note)


if __name__ == "__main__":
    main()
