"""A worker that is offered twice what it can carry: what becomes of those it takes, and the rest.

    python -m bench.overload

Callers talk to the bank over AudioSocket, each line again and again. First the load that is
sustainable is looked for: the most lines, in steps, at which nobody is refused, frames come on time
and answers come about as soon as to a few. Then half of that is offered, and twice. The worker's
limits are the ones that it has in production; it shares the machine with its callers.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from pathlib import Path

import click
import uvloop
from rich.progress import Progress

from ivr.benchmarks.media.cost import Cost, bench_worker, cost_of, sentences
from ivr.benchmarks.results import Cell, machine, save
from ivr.settings import Settings, load_settings

MOST_GAP_MS = 40.0
SLOWER_BY = 1.2
"""Targets may be missed by so much."""
_FEW = 5
_WARM_UP_S = 12.0
_MOST_LINES = 400

Told = Callable[[str], None]


def sustained(cost: Cost, few: Cost) -> bool:
    """Whether everybody was taken and served as well as the `few`."""
    heard = cost.heard
    return (
        not heard["calls_refused"]
        and heard["gap_p999_ms"] <= MOST_GAP_MS
        and _p95(cost) <= SLOWER_BY * _p95(few)
    )


def _p95(cost: Cost) -> float:
    """That of the answers, in ms; endless where there was none."""
    return float(cost.heard.get("answer_p95_ms", math.inf))


async def measure(settings: Settings, step: int, seconds: float, told: Told) -> dict[str, Cost]:
    """What callers got at half the sustainable load, at all of it, and at twice."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        says = await sentences(settings, folder)
        async with bench_worker(settings, folder) as (pid, port):

            async def offer(lines: int) -> Cost:
                told(f"{lines} lines")
                return await cost_of(
                    pid, port, lines, warm_up=_WARM_UP_S, seconds=seconds, says=says
                )

            few = await offer(_FEW)
            lines, whole = _FEW, few
            for more in range(step, _MOST_LINES + 1, step):
                tried = await offer(more)
                if not sustained(tried, few):
                    break
                lines, whole = more, tried
            half, twice = await offer(max(1, lines // 2)), await offer(2 * lines)
    return {
        f"half of it, {half.calls} lines": half,
        f"sustainable, {lines} lines": whole,
        f"twice that, {twice.calls} lines": twice,
    }


def _row(cost: Cost) -> dict[str, Cell]:
    heard = cost.heard
    return {
        "answer p50, ms": heard.get("answer_p50_ms"),
        "p95, ms": heard.get("answer_p95_ms"),
        "frame gap p99, ms": heard["gap_p99_ms"],
        "p99.9, ms": heard["gap_p999_ms"],
        "calls completed": heard["calls_completed"],
        "given up": heard["calls_given_up"],
        "refused": heard["calls_refused"],
        "worker, cores": round(cost.cores, 2),
    }


@click.command()
@click.option("--step", default=10, show_default=True, help="Lines more at each try.")
@click.option("--seconds", default=20.0, show_default=True, help="Measured at each.")
def main(step: int, seconds: float) -> None:
    """Print what the admitted got at each load, and keep it."""
    where = machine()
    settings = load_settings().model_copy(update={"log_level": "error", "max_calls": 5000})
    with Progress(transient=True) as bar:
        task = bar.add_task("", total=None)
        found = uvloop.run(
            measure(settings, step, seconds, lambda what: bar.update(task, description=what))
        )
    rows = {name: _row(cost) for name, cost in found.items()}
    for name, cells in rows.items():
        click.echo(f"{name}: {cells}")
    save(
        "overload",
        title="Twice the sustainable load",
        order=29,
        text="Callers ask the bank for their balance in speech over AudioSocket, each line again "
        "and again, of one worker with the limits that it has by default: it takes no new call "
        "while its loop is late or its recogniser behind. Sustainable: the most lines, in steps of "
        f"{step}, at which nobody is refused, p99.9 of frame gaps is at most {MOST_GAP_MS:g} ms, "
        f"and p95 of the answers at most {SLOWER_BY:g} times that of {_FEW} lines. Times are of "
        "the calls that were taken; a line that is refused rings again. Callers and worker share "
        "the machine. That those who wait in a queue are answered in order: `tests/admission`.",
        command="python -m bench.overload",
        rows=rows,
        where=where,
    )


if __name__ == "__main__":
    main()
