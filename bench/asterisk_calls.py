"""Calls at once through a real Asterisk, beside a bare echo server in the same run.

    python -m bench.asterisk_calls --calls 10 --seconds 180

Each of the phones rings the switch by SIP, answers its language menu by RFC 4733, asks for its
balance in speech, is told it, says good-bye, and rings again until the time is up. Afterwards
the same phones ring an AudioSocket server that does nothing but send back each frame it gets.
The figures are the phones': gaps between the RTP packets that arrive, and the time from the end
of the caller's speech to the first sound of the answer. Phones, switch, workers and databases
share the machine.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import click
import numpy as np
import psutil
import uvloop
from rich.progress import Progress

from ivr.audio.format import Audio
from ivr.benchmarks.results import Cell, Machine, machine, save
from ivr.phone.caller import Caller
from ivr.phone.handset import CallOver
from ivr.phone.sip import SipPhone
from ivr.phone.voice import CallerVoice
from ivr.settings import Settings
from tests.e2e.stack import Stack
from tests.prompts import render_spoken
from tests.telephony.asterisk.switch import AsteriskSwitch, asterisk_root

SENTENCES = ("what is my balance", "four four seven one two three", "no thank you")
_ECHO_SECONDS = 60
_CALL_LIMIT_S = 90
_SOUND = 0x10
"""The AudioSocket kind of 8 kHz sound."""


@dataclass
class Figures:
    """What the phones noted."""

    completed: int = 0
    failed: list[str] = field(default_factory=list)
    arrival_gaps_ms: list[float] = field(default_factory=list)
    answer_gaps_ms: list[float] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Return the figures as percentiles."""
        return {
            "completed": self.completed,
            "failed": len(self.failed),
            "frame_gap_ms": _percentiles(self.arrival_gaps_ms, (50, 99, 99.9, 100)),
            "frames": len(self.arrival_gaps_ms),
            "answer_gap_ms": _percentiles(self.answer_gaps_ms, (50, 95, 100)),
        }


class EchoServer(asyncio.Protocol):
    """Sends back each AudioSocket frame of sound as it is; reads nothing else."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast(asyncio.Transport, transport)
        self._data = b""

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._data += data
        while len(self._data) >= 3:
            end = 3 + int.from_bytes(self._data[1:3], "big")
            if len(self._data) < end:
                return
            if self._data[0] == _SOUND:
                self._transport.write(self._data[:end])
            self._data = self._data[end:]


async def bank_call(target: str, number: str, sounds: dict[str, Audio], figures: Figures) -> None:
    """Make one whole call, and note what it was like."""
    phone = SipPhone(target, number=number)
    caller = Caller(phone, _no_voice)
    try:
        async with asyncio.timeout(_CALL_LIMIT_S):
            await phone.ring(10)
            await phone.press("1")
            await asyncio.sleep(1.0)
            await caller.hear_bot_out()
            for sentence in SENTENCES:
                await caller.speak(sounds[sentence])
                await caller.hear_bot_begin_answer()
                gap = phone.handset.last_gap_ms
                if gap is not None:
                    figures.answer_gaps_ms.append(gap)
                if sentence is not SENTENCES[-1]:
                    await caller.hear_bot_out()
            await asyncio.wait_for(phone.ended.wait(), 20)
            figures.completed += 1
    except (TimeoutError, CallOver, OSError) as error:
        figures.failed.append(f"{number}: {type(error).__name__} {error}")
    finally:
        await phone.hang_up()
        figures.arrival_gaps_ms += phone.handset.arrival_gaps_ms


async def echo_call(target: str, number: str, seconds: float, figures: Figures) -> None:
    """Hold one call with the echo server."""
    phone = SipPhone(target, number=number)
    try:
        await phone.ring(10)
        await phone.press("1")
        await asyncio.sleep(2.0)
        phone.handset.arrival_gaps_ms.clear()
        await asyncio.sleep(seconds)
        figures.completed += 1
    except (TimeoutError, CallOver, OSError) as error:
        figures.failed.append(str(error))
    finally:
        figures.arrival_gaps_ms += phone.handset.arrival_gaps_ms
        await phone.hang_up()


async def _no_voice(text: str) -> Audio:
    raise AssertionError(text)


async def _bank(
    switch: AsteriskSwitch, calls: int, seconds: float, sounds: dict[str, Audio], bar: Progress
) -> Figures:
    figures = Figures()
    until = time.monotonic() + seconds
    task = bar.add_task(f"{calls} calls to the bank", total=seconds)

    async def line(index: int) -> None:
        # A person does not dial in step with the others.
        await asyncio.sleep(index * 0.7)
        while time.monotonic() < until:
            await bank_call(switch.sip_target(), f"+91400000{index:04}", sounds, figures)

    lines = asyncio.gather(*(line(index) for index in range(calls)))
    while not lines.done():
        bar.update(task, completed=min(seconds, seconds - (until - time.monotonic())))
        await asyncio.sleep(0.5)
    await lines
    return figures


async def _run(calls: int, seconds: float, workers: int, bar: Progress) -> dict[str, Any]:
    switch = AsteriskSwitch(asterisk_root())
    render_spoken(switch.sounds, "asterisk")
    switch.start()
    # "Asterisk 22.10.1~dfsg+~cs6.16.60671435-1"
    switch_version = switch.cli("core show version").split()[1].partition("~")[0]
    voice = CallerVoice(Settings())
    try:
        sounds = {text: await voice.speak(text) for text in SENTENCES}
        with tempfile.TemporaryDirectory() as folder:
            environment = {
                "IVR_AMI_PORT": str(switch.ami_port),
                "IVR_AMI_SECRET": switch.ami_secret,
                "IVR_LOG_LEVEL": "warning",
            }
            with Stack(Path(folder) / "var", workers=workers, environment=environment) as stack:
                ports = stack.notes.audiosocket_ports
                switch.use_workers(*ports, spread=True)
                before = _cpu(stack.descendants()), _cpu([switch.pid]), time.monotonic()
                figures = await _bank(switch, calls, seconds, sounds, bar)
                elapsed = time.monotonic() - before[2]
                worker_cpu = _cpu(stack.descendants()) - before[0]
                switch_cpu = _cpu([switch.pid]) - before[1]
        for failure in figures.failed:
            click.echo(failure, err=True)
        echo = await _echo(switch, calls, bar)
    finally:
        await voice.close()
        switch.stop()
    return {
        "asterisk": switch_version,
        "calls_at_once": calls,
        "seconds": seconds,
        "workers": workers,
        "bank": figures.summary(),
        "echo": echo.summary(),
        "cpu_cores": {
            "workers_and_servers": round(worker_cpu / elapsed, 3),
            "asterisk": round(switch_cpu / elapsed, 3),
        },
    }


async def _echo(switch: AsteriskSwitch, calls: int, bar: Progress) -> Figures:
    figures = Figures()
    server = await asyncio.get_running_loop().create_server(EchoServer, "127.0.0.1", 0)
    switch.use_workers(server.sockets[0].getsockname()[1])
    task = bar.add_task(f"{calls} calls to an echo server", total=None)
    target = switch.sip_target()
    await asyncio.gather(
        *(echo_call(target, f"+9150000{n:04}", _ECHO_SECONDS, figures) for n in range(calls))
    )
    bar.remove_task(task)
    server.close()
    return figures


def _cpu(pids: Sequence[int]) -> float:
    total = 0.0
    for pid in pids:
        try:
            times = psutil.Process(pid).cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
    return total


def _percentiles(values: Sequence[float], wanted: Sequence[float]) -> dict[str, float]:
    if not values:
        return {}
    found = np.percentile(np.asarray(values), wanted)
    return {f"p{q:g}": round(float(value), 1) for q, value in zip(wanted, found, strict=True)}


def _keep(result: dict[str, Any], command: str, where: Machine, switch_version: str) -> None:
    """Keep the figures for the page of benchmarks."""
    cores = result["cpu_cores"]
    rows: dict[str, dict[str, Cell]] = {}
    for server in ("bank", "echo"):
        figures, bank = result[server], server == "bank"
        gap, answer = figures["frame_gap_ms"], figures["answer_gap_ms"]
        rows[server] = {
            "calls completed": figures["completed"],
            "failed": figures["failed"],
            "frame gap p50, ms": gap["p50"],
            "p99": gap["p99"],
            "p99.9": gap["p99.9"],
            "longest": gap["p100"],
            "answer gap p50, ms": answer["p50"] if bank else None,
            "p95": answer["p95"] if bank else None,
            "workers and servers, cores": cores["workers_and_servers"] if bank else None,
            "Asterisk, cores": cores["asterisk"] if bank else None,
        }
    save(
        "asterisk-calls",
        title="Calls at once through Asterisk",
        order=20,
        text="Phones ring by SIP, choose the language by RFC 4733, ask for the balance in speech, "
        "are told it, say good-bye, and ring again until the time is up; then the same phones ring "
        "a bare echo server. Frame gaps are those between the packets that reach the phone; the "
        "answer gap is from the end of the caller's speech to the bot's first sound, at the phone.",
        command=command,
        rows=rows,
        where=where,
        versions={"asterisk": switch_version},
    )


@click.command()
@click.option("--calls", default=10, show_default=True)
@click.option("--seconds", default=180.0, show_default=True)
@click.option("--workers", default=1, show_default=True)
def main(calls: int, seconds: float, workers: int) -> None:
    """Print one JSON document, and keep it."""
    where = machine()
    with Progress(transient=True) as bar:
        result = uvloop.run(_run(calls, seconds, workers, bar))
    click.echo(json.dumps(result, indent=1))
    command = f"python -m bench.asterisk_calls --calls {calls} --seconds {seconds:g}"
    if workers != 1:
        command += f" --workers {workers}"
    _keep(result, command, where, result["asterisk"])


if __name__ == "__main__":
    main()
