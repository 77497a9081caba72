"""The page of benchmarks, made from the result files.

python -m ivr.benchmarks.report            # writes docs/benchmarks.md
python -m ivr.benchmarks.report --check    # fails when the page is not what the files say
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

import click

from ivr.benchmarks.results import FOLDER, Cell, Result, Run, load

PAGE = Path("docs") / "benchmarks.md"

_INTRODUCTION = """# Benchmarks

Every figure here was printed by the command above it; this page is made from what those commands
left in `bench/results/` (`python -m ivr.benchmarks.report`). Where a bench ran more than once, a
cell is the median of the runs, with the least and the most in brackets. Phones, switch, workers
and databases share the one machine that is named, unless a section says otherwise. How fast its
cores were at the time, where it was taken, is said in BLAKE2b: a core that is shared with strangers
may be half as fast on another day, and a machine of your own twice as fast.
"""


def page(results: Iterable[Result]) -> str:
    """Return the page, in Markdown."""
    ordered = sorted(results, key=lambda one: (one.order, one.title))
    return "\n".join([_INTRODUCTION, *(section(one) for one in ordered)])


def section(result: Result) -> str:
    """Return the section of one bench."""
    last = result.runs[-1]
    where = last.machine
    loads = _spread([run.machine.load_before for run in result.runs])
    speeds = [one for run in result.runs if (one := run.machine.blake2b_mib_s) is not None]
    speed = f"one core: {_spread(speeds)} MiB/s of BLAKE2b; " if speeds else ""
    runs = "one run" if len(result.runs) == 1 else f"{len(result.runs)} runs"
    versions = ", ".join(f"{name} {number}" for name, number in last.versions.items())
    notes = [run.note for run in result.runs if run.note]
    return "\n".join(
        [
            f"## {result.title}\n",
            f"```sh\n{last.command}\n```\n",
            f"{result.text.strip()}\n",
            _table(result.runs),
            *(f"{note}\n" for note in dict.fromkeys(notes)),
            f"*{runs}, the last on {last.at:%Y-%m-%d}; {where.cores} cores of {where.processor}, "
            f"{where.memory_gib:g} GiB, {where.system}; {speed}load before: {loads}; {versions}*\n",
        ]
    )


def _table(runs: Sequence[Run]) -> str:
    rows = runs[-1].rows
    columns = list(dict.fromkeys(column for cells in rows.values() for column in cells))
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for row in rows:
        cells = (
            _spread([value for run in runs if (value := run.rows[row].get(column)) is not None])
            for column in columns
        )
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _spread(values: Sequence[Cell]) -> str:
    numbers = [value for value in values if isinstance(value, int | float)]
    if len(numbers) < len(values):
        return str(values[-1])
    if not numbers:
        return ""
    least, most = _figure(min(numbers)), _figure(max(numbers))
    middle = _figure(median(numbers))
    return middle if least == most else f"{middle} ({least} to {most})"


def _figure(value: float) -> str:
    if isinstance(value, int) or float(value).is_integer() or abs(value) >= 1000:
        return f"{round(value):,}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.3g}"


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; fail when the page is out of date.")
def main(check: bool) -> None:
    """Make docs/benchmarks.md from bench/results/."""
    made = page(load(path) for path in sorted(FOLDER.glob("*.json")))
    if not check:
        PAGE.write_text(made, encoding="utf-8")
        return
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != made:
        click.echo(
            f"{PAGE} is not what {FOLDER} says: run python -m ivr.benchmarks.report", err=True
        )
        sys.exit(1)


if __name__ == "__main__":
    main()
