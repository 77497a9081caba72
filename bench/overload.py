"""A worker that is offered twice what it can carry: what becomes of those it takes, and the rest.

    python -m bench.overload

Callers talk to the bank over AudioSocket, each line again and again, and a line that is refused
rings again two seconds later. First the load that is sustainable is looked for: the most lines, in
steps, at which nobody is refused, frames come on time and answers as soon as they should. Then half
of that is offered, and twice. The worker's limits are the ones that it has in production; it shares
the machine with its callers.

Lines begin one after the other over a call's length, so that they are not all at the same word, and
are measured once as many calls end as begin. Answers to menu words and digits and answers to
phrases are told apart: a phrase is waited for 120 ms longer on purpose, and a median of both says
little of either.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import click
import uvloop
from rich.progress import Progress

from ivr.benchmarks.media.cost import Cost, bench_worker, cost_of, sentences
from ivr.benchmarks.results import Cell, machine, save
from ivr.errors import IvrError
from ivr.settings import Settings, load_settings

MOST_GAP_MS = 40.0
"""p99.9 of the gaps between frames."""
P50_MS, P95_MS = 200.0, 350.0
"""The closed answers of docs/turn-taking.md. They are half menu words and digits, half phrases, and
of phrases the median of the open ones is asked."""
PHRASE_P50_MS = 300.0
_WORDS, _PHRASES = (0, 2), (1, 3)
"""Places in `SENTENCES`."""
_RAMP_S, _LINES_EACH_S = 30.0, 6.0
"""Lines begin to ring over so long at least, and no faster than this."""
_SETTLES_S = 15.0
_MOST_LINES = 400
_STEP = 60

Told = Callable[[str], None]


def sustained(cost: Cost) -> bool:
    """Whether everybody was taken, and served as they should be."""
    words, phrases = answers(cost, _WORDS), answers(cost, _PHRASES)
    return (
        not cost.heard["calls_refused"]
        and cost.heard["gap_p999_ms"] <= MOST_GAP_MS
        and words["p50"] <= P50_MS
        and phrases["p50"] <= PHRASE_P50_MS
        and max(words["p95"], phrases["p95"]) <= P95_MS
    )


def answers(cost: Cost, which: tuple[int, ...]) -> dict[str, float]:
    """Return p50 and p95 of the answers to these sentences, of the slowest of them. Raises IvrError
    where one of them was not answered at all."""
    every = cost.heard["answers_to"]
    if missing := [at for at in which if str(at) not in every]:
        raise IvrError(
            f"With {cost.calls} lines nobody was answered to sentences {missing} in the time that "
            "was measured.",
            remedy="Measure longer (--seconds) than a call takes.",
        )
    found = [every[str(at)] for at in which]
    return {q: max(each[f"answer_{q}_ms"] for each in found) for q in ("p50", "p95")}


async def measure(settings: Settings, step: int, seconds: float, told: Told) -> dict[str, Cost]:
    """What callers got at half the sustainable load, at all of it, and at twice."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        says = await sentences(settings, folder)
        async with bench_worker(settings, folder) as (pid, port):

            async def offer(lines: int) -> Cost:
                told(f"{lines} lines")
                ramp = max(_RAMP_S, lines / _LINES_EACH_S)
                warm_up = ramp + _SETTLES_S
                return await cost_of(
                    pid, port, lines, warm_up=warm_up, seconds=seconds, ramp=ramp, says=says
                )

            whole = await offer(step)
            if not sustained(whole):
                raise IvrError(f"{step} lines are too many.", remedy="Begin with fewer: --step.")
            for more in range(2 * step, _MOST_LINES + 1, step):
                tried = await offer(more)
                if not sustained(tried):
                    # A hiccup of the machine is no overload.
                    tried = await offer(more)
                if not sustained(tried):
                    break
                whole = tried
            half, twice = await offer(max(1, whole.calls // 2)), await offer(2 * whole.calls)
    return {
        f"half of it, {half.calls} lines": half,
        f"sustainable, {whole.calls} lines": whole,
        f"twice that, {twice.calls} lines": twice,
    }


def _row(cost: Cost) -> dict[str, Cell]:
    heard = cost.heard
    words, phrases = answers(cost, _WORDS), answers(cost, _PHRASES)
    return {
        "words and digits p50, ms": words["p50"],
        "their p95": words["p95"],
        "phrases p50": phrases["p50"],
        "phrases p95": phrases["p95"],
        "frame gap p99, ms": heard["gap_p99_ms"],
        "gap p99.9": heard["gap_p999_ms"],
        "calls completed": heard["calls_completed"],
        "given up": heard["calls_given_up"],
        "refused": heard["calls_refused"],
        "worker, cores": round(cost.cores, 2),
    }


@click.command()
@click.option("--step", default=_STEP, show_default=True, help="Lines more at each try.")
@click.option("--seconds", default=40.0, show_default=True, help="Measured at each; a call is 31.")
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
        f"and answers take {P50_MS:g} ms in the median (phrases, which are waited for longer: "
        f"{PHRASE_P50_MS:g}) and {P95_MS:g} at p95 at most. Answers are those to the slower of two "
        "sentences of each sort. Times are of the calls that were taken; a line that is refused "
        "rings again after 2 s. Callers and worker share "
        "the machine. That those who wait in a queue are answered in order: `tests/admission`.",
        command="python -m bench.overload" + (f" --step {step}" if step != _STEP else ""),
        rows=rows,
        where=where,
    )


if __name__ == "__main__":
    main()
