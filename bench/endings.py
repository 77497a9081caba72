"""What calls leave behind, however they end: nothing, through a real FreeSWITCH.

    IVR_FREESWITCH=$(which freeswitch) python -m bench.endings

Our Event Socket server and the switch are counted before and after 200 calls of each ending, ten
at once. Where anything grows there is no result.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import click
from rich.progress import Progress

from ivr.benchmarks.results import Cell, machine, save
from tests.freeswitch.endings import ENDINGS, is_nothing, left_of, opened
from tests.freeswitch.switch import FreeSwitch
from tests.prompts import render_tones


async def measure(switch: FreeSwitch, calls: int) -> tuple[dict[str, dict[str, Cell]], str]:
    """A row for each ending, and FreeSWITCH's version. Raises ClickException where anything is
    left."""
    operator = await switch.operator()
    version = (await operator.api("version")).split()[2].partition("-")[0]
    rows: dict[str, dict[str, Cell]] = {}
    with Progress(transient=True) as bar:
        task = bar.add_task("endings", total=len(ENDINGS))
        for ending in ENDINGS:
            async with opened(switch, operator) as house:
                left = await left_of(house, ending, calls)
            name = ending.__name__.replace("_", " ")
            if not is_nothing(left):
                raise click.ClickException(f"{name}: something is left of {calls} calls: {left}")
            rows[name] = {"calls": calls, **left}
            bar.advance(task)
    await operator.close()
    return rows, version


@click.command()
@click.option("--calls", default=200, show_default=True)
def main(calls: int) -> None:
    """Print what is left, and keep it."""
    where = machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        render_tones(folder / "sounds", "freeswitch")
        switch = FreeSwitch.before(folder, (9, 9), {"ivr_menu_wait": "300"})
        try:
            rows, version = asyncio.run(measure(switch, calls))
        finally:
            switch.stop()
    for ending, cells in rows.items():
        click.echo(f"{ending}: " + ", ".join(f"{what} {count}" for what, count in cells.items()))
    save(
        "endings",
        title="What calls leave behind",
        order=31,
        text=f"{calls} calls of each ending through a real FreeSWITCH, ten at once: what there is "
        "more of afterwards, in the process that has our Event Socket server and in the switch. A "
        "switch may keep a few descriptors that it opened with its first call. Anything that grows "
        "with the calls, and there is no result.",
        command=f"python -m bench.endings --calls {calls}",
        rows=rows,
        where=where,
        versions={"freeswitch": version},
    )


if __name__ == "__main__":
    main()
