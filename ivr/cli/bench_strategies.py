"""What `ivrctl bench strategies` does and shows."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ivr.benchmarks.turns.chart import Point, chart
from ivr.benchmarks.turns.corpus import sounding
from ivr.benchmarks.turns.figures import Figures, Waits
from ivr.benchmarks.turns.sound import TurnSounds
from ivr.benchmarks.turns.stepped import stepped_bench
from ivr.benchmarks.turns.strategies import STRATEGIES
from ivr.cli.main import run_async
from ivr.settings import load_settings
from ivr.speech.synthesis.client import SynthesisClient
from ivr.speech.synthesis.supervised import SynthesisProcess
from ivr.telemetry.logs import configure_logging


def run_strategies(
    *, svg: Path | None, half: str, human: Path | None, every: int, as_json: bool
) -> None:
    """Play the answers of one half with each strategy, and show what came of it."""
    configure_logging("error", "bench")
    with (
        Progress(console=Console(stderr=True), transient=True) as bar,
        tempfile.TemporaryDirectory() as folder,
    ):
        points = run_async(_points(half, human, every, Path(folder), bar))
    if svg is not None:
        svg.write_text(chart(points, "Gap against cut-offs, by strategy"), encoding="utf-8")
    if as_json:
        found = {
            f"{one.family}: {one.name}": {
                "p50_ms": one.gap_ms,
                "false_cutoff_rate": round(one.cut_off, 4),
                "low": round(one.low, 4),
                "high": round(one.high, 4),
            }
            for one in points
        }
        click.echo(json.dumps(found))
        return
    table = Table("strategy", "", "gap p50, ms", "cut off", "95 % interval")
    for one in points:
        interval = f"{one.low:.1%} to {one.high:.1%}"
        table.add_row(one.family, one.name, f"{one.gap_ms:.0f}", f"{one.cut_off:.1%}", interval)
    Console(highlight=False).print(table)


async def _points(
    half: str, human: Path | None, every: int, folder: Path, bar: Progress
) -> list[Point]:
    process = SynthesisProcess()
    await process.start()
    client = SynthesisClient(process.url, timeout_s=10.0)
    points = []
    try:
        corpus = await sounding(half, TurnSounds(client.synthesise, human), human=human is not None)
        turns = [each for each in corpus.turns if each.turn.kind.is_answer][::every]
        number = sum(len(members) for members in STRATEGIES.values())
        task = bar.add_task("strategies", total=number * len(turns))
        async with stepped_bench(load_settings(), process.url, folder) as bench:
            for family, members in STRATEGIES.items():
                for name, figures in members.items():
                    outcomes = await bench.with_rules(**figures).play(
                        turns, lambda _: bar.advance(task)
                    )
                    points.append(_point(family, name, Figures(outcomes)))
    finally:
        await client.close()
        await process.stop()
    return points


def _point(family: str, name: str, figures: Figures) -> Point:
    gaps = Waits(tuple(one.gap_ms for one in figures.outcomes if one.gap_ms is not None))
    low, high = figures.false_cutoffs.bounds
    return Point(family, name, gaps.percentile(50) or 0.0, figures.false_cutoffs.share, low, high)
