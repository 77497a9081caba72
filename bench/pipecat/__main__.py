"""The same turns for ours and for a bot made with Pipecat, one after the other in one run.

    make pipecat                     # Pipecat from PyPI, in an environment of its own
    python -m bench.pipecat          # some twelve minutes; --turns 40 for a quick look

Both answer AudioSocket calls in one process, with the bundled Vosk model and the same prompts, and
answer at once: nobody waits for a language model. Pipecat runs with its default turn-taking (a
model decides), with its timeout in the model's place, and with the model and as little waiting as
makes sense. Its process is counted alone; ours with its synthesis, Redis and PostgreSQL.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import psutil
from rich.console import Console
from rich.progress import Progress

from ivr.benchmarks.results import Cell, machine, save
from ivr.benchmarks.turns.calls import play
from ivr.benchmarks.turns.corpus import HELD_OUT, sounding
from ivr.benchmarks.turns.figures import Figures
from ivr.benchmarks.turns.line import FRAME_MS, Line
from ivr.benchmarks.turns.sound import SoundingTurn, TurnSounds
from ivr.benchmarks.turns.turn import Kind
from ivr.benchmarks.turns.worker import FLOW, bench_worker
from ivr.cli.main import run_async
from ivr.phone.audiosocket import AudioSocketPhone
from ivr.settings import PROJECT, Settings, load_settings
from ivr.speech.synthesis.client import SynthesisClient
from ivr.speech.synthesis.supervised import SynthesisProcess
from ivr.speech.synthesis.voices import default_voice
from ivr.telemetry.logs import configure_logging
from ivr.telephony.media_clock import MediaClock

PYTHON = PROJECT / ".venv-pipecat" / "bin" / "python"
SERVER = Path(__file__).with_name("server.py")
MODEL = PROJECT / "models" / "vosk-ivr-en-8k"
PEERS = {
    "default": "Pipecat, its default",
    "timeout": "Pipecat, its timeout",
    "fastest": "Pipecat, as fast as it makes sense",
}


@dataclass(frozen=True, slots=True)
class Served:
    """Somebody who answers calls on `port`, and the processes that do it."""

    port: int
    processes: tuple[psutil.Process, ...]

    def cpu_s(self) -> float:
        """CPU seconds so far."""
        times = [process.cpu_times() for process in self.processes if process.is_running()]
        return sum(each.user + each.system for each in times)


async def measure(
    served: Served, turns: tuple[SoundingTurn, ...], calls: int, bar: Progress, name: str
) -> dict[str, Cell]:
    """Play the turns and return the row of figures."""
    clock = MediaClock()
    lines: list[Line] = []

    def ring(line: Line) -> AudioSocketPhone:
        lines.append(line)
        return AudioSocketPhone("127.0.0.1", served.port, handset=line, clock=clock)

    task = bar.add_task(name, total=len(turns))
    before = served.cpu_s()
    outcomes = await play(turns, ring, at_once=calls, told=lambda _: bar.advance(task))
    spent = served.cpu_s() - before
    seconds = sum(len(line.log.heard) for line in lines) * FRAME_MS / 1000
    figures = Figures(outcomes)
    closed, open_, barge_in = map(figures.waits, (Kind.CLOSED, Kind.OPEN, Kind.BARGE_IN))
    return {
        "closed p50, ms": closed.percentile(50),
        "closed p95, ms": closed.percentile(95),
        "open p50, ms": open_.percentile(50),
        "open p95, ms": open_.percentile(95),
        "barge-in p50, ms": barge_in.percentile(50),
        "barge-in p95, ms": barge_in.percentile(95),
        "cut off, %": round(100 * figures.false_cutoffs.share, 1),
        "stopped by a noise, %": round(100 * figures.false_bargeins.share, 1),
        "not answered, %": round(100 * figures.unanswered.share, 1),
        "CPU, ms for a second of a call": round(1000 * spent / seconds, 1),
    }


@asynccontextmanager
async def peer(prompts: Path, turns: str) -> AsyncIterator[Served]:
    """A Pipecat server."""
    command = [PYTHON, SERVER, "--model", MODEL, "--prompts", prompts, "--turns", turns]
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdout=subprocess.PIPE, stderr=None
    )
    try:
        assert process.stdout is not None
        word = (await asyncio.wait_for(process.stdout.readline(), 60)).split()
        if word[:1] != [b"port"]:
            raise click.ClickException("The Pipecat server did not start: see what it says above.")
        yield Served(int(word[1]), (psutil.Process(process.pid),))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def ours(settings: Settings, folder: Path) -> AsyncIterator[Served]:
    """Our worker, with all that it needs."""
    async with bench_worker(settings, folder) as served:
        processes = psutil.Process().children(recursive=True)
        yield Served(served.audiosocket_port, tuple(processes))


async def write_prompts(folder: Path) -> None:
    """The bench flow's prompts, by the key that leads to them."""
    flow = json.loads(FLOW.read_text(encoding="utf-8"))
    texts = {name: text["en"] for name, text in flow["templates"].items()}
    hub = next(node for node in flow["nodes"] if node["id"] == "hub")
    wanted = {option["key"]: texts[option["name"]] for option in hub["config"]["options"]}
    process = SynthesisProcess()
    await process.start()
    client = SynthesisClient(process.url, timeout_s=10.0)
    try:
        for name, text in {**wanted, "hub": texts["hub"], "answer": texts["done"]}.items():
            sound = await client.synthesise(text, default_voice("en"))
            (folder / f"{name}.pcm").write_bytes(sound.pcm)
    finally:
        await client.close()
        await process.stop()


async def held_out(number: int) -> tuple[SoundingTurn, ...]:
    """So many held-out turns, spread evenly over their kinds; those of keys are left out, since
    Pipecat has no notion of an entry of keys."""
    process = SynthesisProcess()
    await process.start()
    client = SynthesisClient(process.url, timeout_s=10.0)
    try:
        corpus = await sounding(HELD_OUT, TurnSounds(client.synthesise, None), human=False)
    finally:
        await client.close()
        await process.stop()
    spoken = [turn for turn in corpus.turns if turn.turn.kind is not Kind.KEYS]
    step = max(1.0, len(spoken) / number)
    return tuple(spoken[int(index * step)] for index in range(min(number, len(spoken))))


async def compare(turns: int, calls: int, bar: Progress) -> dict[str, dict[str, Cell]]:
    """Measure each in turn."""
    settings = load_settings().model_copy(update={"log_level": "error"})
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        prompts = Path(folder) / "prompts"
        prompts.mkdir()
        await write_prompts(prompts)
        chosen = await held_out(turns)
        async with ours(settings, Path(folder) / "var") as served:
            rows["ours"] = await measure(served, chosen, calls, bar, "ours")
        for name, title in PEERS.items():
            async with peer(prompts, name) as served:
                rows[title] = await measure(served, chosen, calls, bar, title)
    return rows


@click.command()
@click.option("--turns", default=120, show_default=True, help="How many turns each is given.")
@click.option("--calls", default=8, show_default=True, help="How many at once.")
def main(turns: int, calls: int) -> None:
    """Print one JSON document, and keep it."""
    if not PYTHON.exists():
        raise click.ClickException("There is no Pipecat: run `make pipecat`.")
    configure_logging("error", "bench")
    where = machine()
    version = subprocess.run(
        [PYTHON, "-c", "from importlib.metadata import version; print(version('pipecat-ai'))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    with Progress(console=Console(stderr=True), transient=True) as bar:
        rows = run_async(compare(turns, calls, bar))
    click.echo(json.dumps(rows, indent=1))
    save(
        "pipecat",
        title="Beside Pipecat",
        order=6,
        text=f"{turns} turns of the held-out half, {calls} calls at once, the same phones, Vosk "
        "model and prompts for each; rules in place of a language model. Gaps are measured at the "
        "phone. CPU is that of Pipecat's process, and of ours with synthesis, Redis and "
        "PostgreSQL. Its detector hears 200 ms of silence before its model is asked, 100 ms "
        "when it is as fast as it makes sense; its timeout is 0.6 s.",
        command=f"python -m bench.pipecat --turns {turns} --calls {calls}",
        rows=rows,
        where=where,
        versions={"pipecat-ai": version},
    )


if __name__ == "__main__":
    main()
