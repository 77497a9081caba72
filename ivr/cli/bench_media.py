"""What `ivrctl bench media` does and shows."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from statistics import median

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ivr.benchmarks.media.cost import Cost, cost_of_echo, cost_of_worker
from ivr.benchmarks.results import Machine, machine, save
from ivr.cli.main import run_async
from ivr.settings import Settings, load_settings
from ivr.telemetry.logs import configure_logging


def run_media(*, as_json: bool, calls: int, seconds: float, rounds: int, talking: bool) -> None:
    """Measure a bare echo and a worker in turn, and print what the worker took."""
    settings = load_settings().model_copy(update={"log_level": "error"})
    configure_logging(settings.log_level, "bench")
    where = machine()
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        async def measure() -> tuple[list[Cost], list[Cost]]:
            echoes, workers = [], []
            for number in range(rounds):
                bar.update(task, description=f"{calls} calls to a bare echo, round {number + 1}")
                echoes.append(await cost_of_echo(calls, seconds))
                workers.append(await _worker(settings, calls, seconds, talking, bar, task))
            return echoes, workers

        echoes, workers = run_async(measure())
    document = _document(echoes, workers)
    if as_json:
        click.echo(json.dumps(document))
    else:
        _show(echoes, workers)
    _keep(echoes, workers, where, calls, talking=talking)


async def _worker(
    settings: Settings, calls: int, seconds: float, talking: bool, bar: Progress, task: object
) -> Cost:
    with tempfile.TemporaryDirectory() as folder:
        return await cost_of_worker(
            settings,
            Path(folder),
            calls,
            seconds,
            talking=talking,
            told=lambda what: bar.update(task, description=what),  # type: ignore[arg-type]
        )


def _document(echoes: list[Cost], workers: list[Cost]) -> dict[str, float]:
    """The middle of all rounds, but the worst of the gaps."""
    cpu = median(each.cpu_ms_per_call_second for each in workers)
    floor = median(each.cpu_ms_per_call_second for each in echoes)
    return {
        "calls": workers[0].calls,
        "cpu_ms_per_call_second": round(cpu, 3),
        "cpu_ratio_to_echo": round(cpu / floor, 2),
        "gap_p99_ms": max(each.heard["gap_p99_ms"] for each in workers),
        "gap_p999_ms": max(each.heard["gap_p999_ms"] for each in workers),
        "rss_kb_per_call": round(median(each.rss_kb_per_call for each in workers), 1),
    }


def _rows(echoes: list[Cost], workers: list[Cost]) -> dict[str, dict[str, float]]:
    return {
        name: {
            "CPU, ms a call-second": round(median(one.cpu_ms_per_call_second for one in costs), 3),
            "frame gap p99, ms": max(one.heard["gap_p99_ms"] for one in costs),
            "p99.9, ms": max(one.heard["gap_p999_ms"] for one in costs),
            "KB a call": round(median(one.rss_kb_per_call for one in costs), 1),
        }
        for name, costs in (("bare echo", echoes), ("worker", workers))
    }


def _show(echoes: list[Cost], workers: list[Cost]) -> None:
    rows = _rows(echoes, workers)
    table = Table("", *rows["worker"], box=None)
    for name, cells in rows.items():
        table.add_row(name, *(f"{value:g}" for value in cells.values()))
    console = Console(highlight=False)
    console.print(table)
    console.print(f"CPU: {_document(echoes, workers)['cpu_ratio_to_echo']:g} times the echo's")
    heard = workers[-1].heard
    if heard["calls_completed"]:
        console.print(
            f"{heard['calls_completed']} calls completed, {heard['calls_given_up']} given up, "
            f"speech {heard['speech_share']:.0%}, answers after {heard['answer_p50_ms']:g} ms (p95 "
            f"{heard['answer_p95_ms']:g})"
        )


def _keep(
    echoes: list[Cost], workers: list[Cost], where: Machine, calls: int, *, talking: bool
) -> None:
    kind = "talking" if talking else "waiting"
    what = (
        "Callers ask the bank for their balance in speech, again and again"
        if talking
        else "Callers send silence while the worker waits for their word, voice detection on"
    )
    rows = _rows(echoes, workers)
    ratio = _document(echoes, workers)["cpu_ratio_to_echo"]
    rows["worker"]["times the echo's CPU"] = ratio
    save(
        f"media-{kind}-{calls}",
        title=f"What {calls} {kind} calls cost",
        order=20 if talking else 15,
        text=f"{what}: {calls} calls over AudioSocket in one worker, fed by a raw generator, "
        "beside an echo server on uvloop with a 20 ms clock of its own and one write a frame. "
        "Memory is what the process grew by from after its first 20 calls to its highest.",
        command=f"ivrctl bench media --calls {calls}" + (" --talking" if talking else ""),
        rows=rows,
        where=where,
    )
