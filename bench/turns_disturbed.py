"""Many more interruptions and disturbances than a half of the corpus has: who was given way to.

    python -m bench.turns_disturbed --draws 8      # some three minutes

In memory, where what the engines take is left out, with turns drawn as those to tune on are, by
other seeds: a half has 60 disturbances, of which one more or less is 2 %.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import click
import uvloop
from rich.console import Console
from rich.progress import Progress

from ivr.benchmarks.results import Cell, machine, save
from ivr.benchmarks.turns.corpus import TUNING, planned
from ivr.benchmarks.turns.figures import Figures, Rate
from ivr.benchmarks.turns.judge import Outcome
from ivr.benchmarks.turns.sound import TurnSounds
from ivr.benchmarks.turns.stepped import stepped_bench
from ivr.benchmarks.turns.turn import Kind
from ivr.cli.bench_latency import recognition_version
from ivr.settings import load_settings
from ivr.speech.synthesis.client import SynthesisClient
from ivr.speech.synthesis.supervised import SynthesisProcess
from ivr.telemetry.logs import configure_logging

_FIRST = 5
"""Draws before this one were looked at when the rules were chosen."""
_SORTS = {
    "caller interrupts": ("barge_in",),
    "okay, haan, hmm": ("backchannel",),
    "cough": ("cough",),
    "knock, wind": ("line_noise",),
    "echo": ("echo",),
}


async def _play(draws: int, folder: Path, bar: Progress) -> tuple[Outcome, ...]:
    turns = [
        turn
        for number in range(_FIRST, _FIRST + draws)
        for turn in planned(TUNING, human=False, more=number)
        if turn.kind.is_disturbance or turn.kind is Kind.BARGE_IN
    ]
    process = SynthesisProcess()
    await process.start()
    client = SynthesisClient(process.url, timeout_s=10.0)
    try:
        sounds = TurnSounds(client.synthesise)
        sounding = [await sounds.of(turn) for turn in turns]
        task = bar.add_task(f"{len(turns)} calls", total=len(turns))
        async with stepped_bench(load_settings(), process.url, folder) as bench:
            return await bench.play(sounding, lambda _: bar.advance(task))
    finally:
        await client.close()
        await process.stop()


def _row(rate: Rate, paused: int) -> dict[str, Cell]:
    low, high = rate.bounds
    return {
        "turns": rate.of,
        "bot paused": paused,
        "gave up what it said": rate.count,
        "of 100": round(100 * rate.share, 1),
        "from": round(100 * low, 1),
        "to": round(100 * high, 1),
    }


@click.command()
@click.option("--draws", type=click.IntRange(1, 50), default=8, show_default=True)
def main(draws: int) -> None:
    """Print one JSON document, and keep it."""
    configure_logging("error", "bench")
    where = machine()
    with (
        tempfile.TemporaryDirectory() as name,
        Progress(console=Console(stderr=True), transient=True) as bar,
    ):
        outcomes = uvloop.run(_play(draws, Path(name), bar))
    rows: dict[str, dict[str, Cell]] = {}
    for title, sorts in _SORTS.items():
        found = [one for one in outcomes if one.sort in sorts]
        rate = Rate(sum(one.committed for one in found), len(found))
        rows[title] = _row(rate, sum(one.paused for one in found))
    disturbed = [one for one in outcomes if one.kind.is_disturbance]
    rows["all that is nobody interrupting"] = _row(
        Figures(outcomes).false_bargeins, sum(one.paused for one in disturbed)
    )
    click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
    save(
        "turn-taking-disturbed",
        title="Turns: who interrupts",
        order=5,
        text=f"{len(outcomes):,} turns drawn like those to tune on, by {draws} other seeds that "
        "nobody looked into, in memory. The bot is in mid-sentence; it should give up what it says "
        "for callers, and go on after all else. Shares have their 95 % Wilson interval.",
        command=f"python -m bench.turns_disturbed --draws {draws}",
        rows=rows,
        where=where,
        versions=recognition_version(load_settings()),
    )


if __name__ == "__main__":
    main()
