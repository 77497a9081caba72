"""Our Event Socket worker beside a greenswitch worker, on a real FreeSWITCH, in one run.

    IVR_FREESWITCH=$(which freeswitch) python -m bench.esl

Both answer each call themselves, open unicast and play a tone. Measured at the phones: the time
from INVITE to the first sound of the bot, one call after the other; calls a second, when so many
lines ring again as soon as they have heard the bot; and the CPU that the worker took for a call,
and for a second of a call that goes on. Phones, switch and worker share the machine; the two
workers take turns, round by round.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import click
import numpy as np
import psutil
import uvloop
from rich.progress import Progress

from ivr.audio.level import level_dbfs
from ivr.benchmarks.results import Cell, machine, save
from ivr.phone.handset import AUDIBLE_DBFS, Handset
from ivr.phone.sip import SipPhone
from ivr.settings import PROJECT
from tests.freeswitch.switch import FreeSwitch, channels
from tests.prompts import render_tones

KINDS = ("ours", "greenswitch")
_UNANSWERED = "7001"
"""Its extension is one line: `socket ... async full`."""
_WITHIN_S = 10.0


class Ear(Handset):
    """Notes when the first sound came."""

    def __init__(self) -> None:
        super().__init__(keep_record=False)
        self.first: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def hear(self, frame: bytes) -> None:
        """See Handset."""
        if not self.first.done() and level_dbfs(frame) >= AUDIBLE_DBFS:
            self.first.set_result(time.monotonic())
        super().hear(frame)


@dataclass
class Figures:
    """What was found for one of the workers, all rounds together."""

    setup_ms: list[float] = field(default_factory=list)
    calls: int = 0
    calling_s: float = 0.0
    calling_cpu_s: float = 0.0
    talk_cpu_ms: list[float] = field(default_factory=list)
    failed: int = 0

    def row(self) -> dict[str, Cell]:
        """Return them as a row of the page."""
        p50, p95 = np.percentile(self.setup_ms, (50, 95))
        return {
            "INVITE to bot p50, ms": round(p50, 1),
            "p95, ms": round(p95, 1),
            "calls a second": round(self.calls / self.calling_s, 1),
            "CPU a call, ms": round(self.calling_cpu_s * 1000 / self.calls, 2),
            "CPU a call-second, ms": round(float(np.mean(self.talk_cpu_ms)), 2),
            "failed": self.failed,
        }


async def ring(target: str) -> tuple[SipPhone, float]:
    """Ring until the bot is heard; returns the phone, and that time in ms."""
    ear = Ear()
    phone = SipPhone(target, handset=ear)
    began = time.monotonic()
    try:
        await phone.ring(_WITHIN_S)
        heard = await asyncio.wait_for(ear.first, _WITHIN_S)
    except BaseException:
        await phone.hang_up()
        raise
    return phone, (heard - began) * 1000


async def one_by_one(target: str, calls: int, figures: Figures) -> None:
    """Set-up times on a switch that has nothing else to do."""
    for _ in range(calls):
        phone, took = await ring(target)
        figures.setup_ms.append(took)
        await phone.hang_up()
        await asyncio.sleep(0.02)


async def as_many_as_go(
    target: str, lines: int, seconds: float, worker: psutil.Process, figures: Figures
) -> None:
    """Calls a second."""
    before, began = cpu_of(worker), time.monotonic()
    until = began + seconds

    async def line() -> None:
        while time.monotonic() < until:
            try:
                phone, _ = await ring(target)
            except Exception:  # noqa: BLE001 - a call that fails is a figure
                figures.failed += 1
                continue
            figures.calls += 1
            await phone.hang_up()

    await asyncio.gather(*(line() for _ in range(lines)))
    figures.calling_s += time.monotonic() - began
    figures.calling_cpu_s += cpu_of(worker) - before


async def talking(
    target: str, lines: int, seconds: float, worker: psutil.Process, figures: Figures
) -> None:
    """What calls cost that go on."""
    phones = [phone for phone, _ in await asyncio.gather(*(ring(target) for _ in range(lines)))]
    before, began = cpu_of(worker), time.monotonic()
    await asyncio.sleep(seconds)
    cpu, lasted = cpu_of(worker) - before, time.monotonic() - began
    figures.talk_cpu_ms.append(cpu * 1000 / lasted / lines)
    await asyncio.gather(*(phone.hang_up() for phone in phones))


def cpu_of(process: psutil.Process) -> float:
    """CPU seconds so far."""
    times = process.cpu_times()
    return times.user + times.system


@contextmanager
def worker(kind: str) -> Iterator[tuple[psutil.Process, int]]:
    """Run one of the workers; its process and port."""
    command = [sys.executable, "-m", "bench.esl_workers", kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        try:
            yield psutil.Process(process.pid), port
        finally:
            process.kill()


async def compare(
    switch: FreeSwitch, calls: int, lines: int, seconds: float, rounds: int
) -> tuple[dict[str, dict[str, Cell]], str]:
    """Run both workers, by turns: the rows, and FreeSWITCH's version."""
    figures = {kind: Figures() for kind in KINDS}
    operator = await switch.operator()
    freeswitch = (await operator.api("version")).split()[2].partition("-")[0]
    await operator.api("fsctl sps 1000")
    target = switch.sip_target(_UNANSWERED)
    with Progress(transient=True) as bar:
        task = bar.add_task("rounds", total=rounds * len(KINDS))
        try:
            for number in range(rounds):
                for kind in KINDS if number % 2 == 0 else KINDS[::-1]:
                    with worker(kind) as (process, port):
                        await operator.api(f"global_setvar ivr_worker_1=127.0.0.1:{port}")
                        await asyncio.sleep(1.0)
                        await one_by_one(target, calls, figures[kind])
                        await as_many_as_go(target, lines, seconds, process, figures[kind])
                        await talking(target, lines, seconds, process, figures[kind])
                        while await channels(operator):  # noqa: ASYNC110 - it cannot tell us
                            await asyncio.sleep(0.1)
                    bar.advance(task)
        finally:
            await operator.close()
    return {kind: each.row() for kind, each in figures.items()}, freeswitch


@click.command()
@click.option("--calls", default=50, show_default=True, help="One after the other, a round.")
@click.option("--lines", default=10, show_default=True, help="At once.")
@click.option("--seconds", default=8.0, show_default=True)
@click.option("--rounds", default=3, show_default=True)
def main(calls: int, lines: int, seconds: float, rounds: int) -> None:
    """Print the figures, and keep them."""
    where = machine()
    with tempfile.TemporaryDirectory() as folder:
        render_tones(Path(folder) / "sounds", "freeswitch")
        switch = FreeSwitch.before(Path(folder), (9, 9))
        try:
            rows, freeswitch = uvloop.run(compare(switch, calls, lines, seconds, rounds))
        finally:
            switch.stop()
    for kind, cells in rows.items():
        click.echo(f"{kind}: " + ", ".join(f"{name} {value}" for name, value in cells.items()))
    save(
        "esl",
        title="Our Event Socket worker beside greenswitch's",
        order=25,
        text="A real FreeSWITCH hands its calls to either worker, by turns, in one run. Both "
        "answer the call, open unicast and play a tone, no more. Measured at the phones: from "
        f"INVITE to the bot's first sound, {calls * rounds} calls one after the other; calls a "
        f"second, with {lines} lines that ring again as soon as they have heard the bot; the CPU "
        "that the worker took for each of those calls, and for a second of a call that goes on.",
        command=f"python -m bench.esl --calls {calls} --lines {lines} --seconds {seconds:g} "
        f"--rounds {rounds}",
        rows=rows,
        where=where,
        versions={"freeswitch": freeswitch, "greenswitch": version("greenswitch")},
    )


if __name__ == "__main__":
    main()
