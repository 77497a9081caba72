"""What a call costs, and how near `ivrctl plan` comes to it.

    python -m bench.plan calibrate     # measures, and writes ivr/load/costs.json
    python -m bench.plan check         # two other sizes: planned beside measured

SIPp rings a real Kamailio, which hands the calls to a real Asterisk, and that to one worker with
the bank's flow, all on this machine. Callers say what the bank asks for, with pauses so long that
they speak as much of the time as is wanted. Calls come and go all the while. The CPU time of each
part is read from the kernel over a window in which as many calls are there as are asked for.
"""

from __future__ import annotations

import asyncio
import json
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlparse
from urllib.request import urlopen

import click
import psutil
from rich.progress import Progress

from ivr.audio.g711 import MU_LAW
from ivr.benchmarks.results import Cell, machine, save
from ivr.load.costs import DELIVERED, Costs, Observation, fit, load_costs
from ivr.load.plan import plan
from ivr.load.sipp import SCENARIOS, SippJob, result, start
from ivr.phone.voice import CallerVoice
from ivr.settings import Settings
from tests.e2e.stack import Stack
from tests.prompts import render_tones
from tests.sip.edge import Edge, install
from tests.telephony.asterisk.switch import AsteriskSwitch, asterisk_root, free_port

SENTENCES = ("what is my balance", "four four seven one two three")
PARTS = {
    "edge": ("idle", "setup_s"),  # Kamailio sees no sound
    "switch": ("idle", "setup_s", "call", "talk"),
    "worker": ("idle", "setup_s", "call", "talk"),
    "stores": ("idle", "setup_s", "call", "talk"),
}
"""What is measured, and what of it costs anything."""
CALIBRATION = (
    # calls, talk, seconds a call
    (8, 0.1, 15.0),
    (28, 0.1, 15.0),
    (8, 0.4, 15.0),
    (28, 0.4, 15.0),
    (12, 0.1, 5.0),
)
CHECKED = ((15, 0.25, 15.0), (35, 0.25, 20.0))
WINDOW_S = 20.0
NEAR = 0.2


@dataclass(frozen=True)
class Measured:
    """One run. `cores` by part; `live` calls at the worker, on average."""

    calls: int
    talk: float
    calls_a_second: float
    cores: dict[str, float]
    live: float
    failed: int


class House:
    """What is measured."""

    def __init__(self, edge: Edge, switch: AsteriskSwitch, stack: Stack) -> None:
        self.edge, self.switch, self.stack = edge, switch, stack

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds that each part has used so far."""
        stores = [*self.stack.pids_of("postgres"), *self.stack.pids_of("redis-server")]
        worker = [self.stack.worker_pid("worker-0"), self.stack.synthesis_pid]
        return {
            "edge": _cpu_s(_family(self.edge.pid)),
            "switch": _cpu_s([self.switch.pid]),
            "worker": _cpu_s(worker),
            "stores": _cpu_s(stores),
        }

    def live(self) -> int:
        """Calls at the worker now."""
        url = f"http://{self.stack.notes.host}:{self.stack.notes.http_ports[0]}/ready"
        with suppress(OSError), urlopen(url, timeout=2) as answer:
            return int(json.load(answer)["live_calls"])
        return 0


@contextmanager
def house(folder: Path) -> Iterator[House]:
    """Start everything."""
    install()
    switch = AsteriskSwitch(asterisk_root())
    render_tones(switch.sounds, "asterisk")
    switch.start()
    try:
        environment = {
            "IVR_AMI_PORT": str(switch.ami_port),
            "IVR_AMI_USER": switch.ami_user,
            "IVR_AMI_SECRET": switch.ami_secret,
        }
        with Stack(folder / "var", environment=environment) as stack:
            switch.use_workers(*stack.notes.audiosocket_ports, menu_wait_s=1)
            (folder / "edge").mkdir()
            edge = Edge(
                folder / "edge",
                {"asterisk-1": f"127.0.0.1:{switch.sip_port}"},
                sockets=_sockets(stack),
            )
            edge.start()
            try:
                yield House(edge, switch, stack)
            finally:
                edge.stop()
    finally:
        switch.stop()


def measure(
    at: House, size: tuple[int, float, float], said: Sequence[bytes], folder: Path
) -> Measured:
    """Run so many calls at once, and read the clocks."""
    calls, talk, duration_s = size
    rate = calls / duration_s
    settle_s = duration_s + 4
    job = SippJob(
        scenario=SCENARIOS / "talk.xml",
        host="127.0.0.1",
        port=at.edge.port,
        calls=round(rate * (settle_s + WINDOW_S + 2)),
        rate=rate,
        hold_s=duration_s,
        folder=folder,
        first_media_port=free_port(socket.SOCK_DGRAM) & ~1,
        sound=timeline(said, talk),
    )
    process = start(job)
    try:
        time.sleep(settle_s)
        before, began, live = at.cpu_s(), time.monotonic(), []
        while time.monotonic() < began + WINDOW_S:
            time.sleep(1)
            live.append(at.live())
        after, took = at.cpu_s(), time.monotonic() - began
        process.wait(duration_s + 30)
    finally:
        process.kill()
        process.wait()
    cores = {part: (after[part] - before[part]) / took for part in PARTS}
    return Measured(calls, talk, rate, cores, sum(live) / len(live), result(job).failed)


def timeline(said: Sequence[bytes], talk: float) -> bytes:
    """G.711 of the sentences in turn, each followed by silence in the same proportion."""
    silence = MU_LAW.encode(bytes(2))
    return b"".join(
        MU_LAW.encode(pcm) + silence * round(len(pcm) / 2 * (1 - talk) / talk) for pcm in said
    )


def _sockets(stack: Stack) -> str:
    """The folder of PostgreSQL's socket."""
    url = stack.notes.database_url
    assert url is not None
    return parse_qs(urlparse(url).query)["host"][0]


def _cpu_s(pids: Sequence[int]) -> float:
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return float(sum(each.user + each.system for each in times))


def _family(pid: int) -> list[int]:
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


async def _sentences() -> list[bytes]:
    voice = CallerVoice(Settings())
    try:
        return [(await voice.speak(text)).pcm for text in SENTENCES]
    finally:
        await voice.close()


def runs(sizes: Sequence[tuple[int, float, float]], *, idle: bool) -> list[Measured]:
    """Measure each size in one house, and the empty house before."""
    said = asyncio.run(_sentences())
    found = []
    with (
        tempfile.TemporaryDirectory() as scratch,
        house(Path(scratch)) as at,
        Progress() as bar,
    ):
        task = bar.add_task("calls", total=len(sizes) + idle)
        if idle:
            before = at.cpu_s()
            time.sleep(WINDOW_S)
            after = at.cpu_s()
            cores = {part: (after[part] - before[part]) / WINDOW_S for part in PARTS}
            found.append(Measured(0, 0.0, 0.0, cores, 0.0, 0))
            bar.advance(task)
        for number, size in enumerate(sizes):
            found.append(measure(at, size, said, Path(scratch) / f"sipp-{number}"))
            bar.advance(task)
            time.sleep(3)
    return found


@click.group()
def main() -> None:
    """Measure what a call costs, or how well that is foretold."""


@main.command()
def calibrate() -> None:
    """Measure, and write ivr/load/costs.json."""
    where = machine()
    found = runs(CALIBRATION, idle=True)
    parts = {
        part: fit(
            [
                Observation(
                    calls=each.calls,
                    talk=each.talk,
                    calls_a_second=each.calls_a_second,
                    cores=each.cores[part],
                )
                for each in found
            ],
            terms,
        )
        for part, terms in PARTS.items()
    }
    costs = Costs(
        **parts,
        measured_on=f"{where.processor}, {where.cores} cores",
        measured_at=datetime.now(UTC).replace(microsecond=0),
    )
    DELIVERED.write_text(costs.model_dump_json(indent=1) + "\n", encoding="utf-8")
    rows: dict[str, dict[str, Cell]] = {
        f"{each.calls} calls, {each.talk:.0%} speech, {each.calls_a_second:.2g} new a second": {
            **{f"{part}, cores": round(each.cores[part], 4) for part in PARTS},
            "at the worker": round(each.live, 1),
            "failed": each.failed,
        }
        for each in found
    }
    save(
        "plan-costs",
        title="What calls cost",
        order=70,
        text="Cores busy, by part: what `ivrctl plan` computes from. Kamailio, Asterisk, one"
        " worker with the bank's flow, PostgreSQL and Redis, all beside SIPp on one machine.",
        command="python -m bench.plan calibrate",
        rows=rows,
        where=where,
    )
    click.echo(json.dumps(rows, indent=1))
    click.echo(costs.model_dump_json(indent=1))


@main.command()
def check() -> None:
    """Measure two other sizes, and put what was planned beside."""
    where = machine()
    costs = load_costs()
    rows: dict[str, dict[str, Cell]] = {}
    for each in runs(CHECKED, idle=False):
        duration_s = each.calls / each.calls_a_second
        planned = plan(each.calls, each.talk, duration_s, costs)
        told = planned.edge_cores + planned.switch_cores + planned.worker_cores
        told += planned.store_cores
        seen = sum(each.cores.values())
        rows[f"{each.calls} calls, {each.talk:.0%} speech"] = {
            "planned, cores": round(told, 3),
            "measured, cores": round(seen, 3),
            "off, %": round(100 * (told / seen - 1), 1),
            "edge": f"{planned.edge_cores:.3f} / {each.cores['edge']:.3f}",
            "switch": f"{planned.switch_cores:.3f} / {each.cores['switch']:.3f}",
            "worker": f"{planned.worker_cores:.3f} / {each.cores['worker']:.3f}",
            "stores": f"{planned.store_cores:.3f} / {each.cores['stores']:.3f}",
            "failed": each.failed,
        }
    save(
        "plan-check",
        title="How near the plan comes",
        order=71,
        text="Two sizes that were not measured for the costs: `ivrctl plan` beside a measured run."
        " By part: planned / measured.",
        command="python -m bench.plan check",
        rows=rows,
        where=where,
    )
    click.echo(json.dumps(rows, indent=1))
    far = [name for name, row in rows.items() if abs(float(row["off, %"] or 0)) > 100 * NEAR]
    if far:
        raise click.ClickException(f"more than {NEAR:.0%} off: {', '.join(far)}")


if __name__ == "__main__":
    main()
