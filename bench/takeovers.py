"""How long callers hear nothing when their worker dies or freezes, through a real FreeSWITCH.

    IVR_FREESWITCH=$(which freeswitch) python -m bench.takeovers

Callers talk with the bank, six at once, while one worker after the other is killed (SIGKILL) at
random moments, until 50 conversations were struck; then, one call at a time, workers are frozen
(SIGSTOP) until the watchdog replaces them. Every call has to be led to its end, with nothing asked
twice, and to be recorded, or there is no result.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
from rich.progress import Progress

from ivr.benchmarks.results import Cell, machine, save
from ivr.phone.voice import CallerVoice
from ivr.settings import Settings
from tests.e2e.deaths import assert_all_led_to_their_ends, freeze_under_caller, kill_under_callers
from tests.e2e.stack import Stack
from tests.e2e.talk import SENTENCES, Sounds
from tests.freeswitch.switch import FreeSwitch
from tests.prompts import render_spoken

_ENGLISH = "7003"
"""A number without a menu, whose callers are with a worker at once."""


async def voices() -> Sounds:
    """What the callers say, as sound."""
    voice = CallerVoice(Settings())
    try:
        return {text: await voice.speak(text) for text in SENTENCES}
    finally:
        await voice.close()


def row(silences_ms: Sequence[float]) -> dict[str, Cell]:
    """The figures of one kind of death."""
    p50, p95 = np.percentile(silences_ms, (50, 95))
    return {
        "conversations struck": len(silences_ms),
        "silence p50, ms": round(float(p50)),
        "p95, ms": round(float(p95)),
        "longest, ms": round(max(silences_ms)),
    }


async def measure(
    stack: Stack, switch: FreeSwitch, *, moments: int, at_once: int, freezes: int, seed: int
) -> tuple[dict[str, dict[str, Cell]], str]:
    """Both kinds of deaths: the rows, and FreeSWITCH's version."""
    target = switch.sip_target(_ENGLISH)
    sounds = await voices()
    operator = await switch.operator()
    version = (await operator.api("version")).split()[2].partition("-")[0]
    await operator.close()
    with Progress(transient=True) as bar:
        killed = bar.add_task("conversations struck", total=moments)
        deaths = await kill_under_callers(
            stack,
            target,
            sounds,
            moments=moments,
            at_once=at_once,
            seed=seed,
            on_struck=lambda struck: bar.update(killed, completed=struck),
        )
        unheard = await assert_all_led_to_their_ends(stack, deaths)
        frozen = bar.add_task("workers frozen", total=freezes)
        found = []
        for _ in range(freezes):
            found.append(await freeze_under_caller(stack, target, sounds))
            bar.advance(frozen)
    killed, frozen_row = row(deaths.silences_ms()), row([each.silence_ms for each in found])
    for name, of_killed, of_frozen in (
        ("answers that died unheard", unheard, None),
        ("noticed, longest, ms", None, round(max(each.noticed_ms for each in found))),
        ("new worker ready, longest, ms", None, round(max(each.replaced_ms for each in found))),
    ):
        killed[name], frozen_row[name] = of_killed, of_frozen
    return {"killed": killed, "frozen": frozen_row}, version


@click.command()
@click.option("--moments", default=50, show_default=True)
@click.option("--at-once", default=6, show_default=True)
@click.option("--freezes", default=10, show_default=True)
@click.option("--seed", default=50, show_default=True)
def main(moments: int, at_once: int, freezes: int, seed: int) -> None:
    """Print the figures, and keep them."""
    where = machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        render_spoken(folder / "sounds", "freeswitch")
        with Stack(folder / "var", workers=2) as stack:
            switch = FreeSwitch.before(folder, stack.notes.freeswitch_ports)
            try:
                rows, version = asyncio.run(
                    measure(
                        stack, switch, moments=moments, at_once=at_once, freezes=freezes, seed=seed
                    )
                )
            finally:
                switch.stop()
    for kind, cells in rows.items():
        click.echo(f"{kind}: " + ", ".join(f"{name} {value}" for name, value in cells.items()))
    save(
        "takeovers",
        title="Workers that die under their callers",
        order=30,
        text=f"Two workers behind a real FreeSWITCH. {at_once} callers talk with the bank while "
        "workers are killed (SIGKILL) at random moments, then one caller at a time while theirs is "
        "frozen (SIGSTOP) and the watchdog has to replace it. Silence is from that moment to the "
        "bot's next sound at the phone, where what arrives within 60 ms, from FreeSWITCH's "
        "buffers, does not count. Every call went on from its last turn to its end, nothing that "
        "was settled was asked again, each has its end in PostgreSQL, every turn that was told of "
        "is there once, and no record was refused. An answer that dies unheard has a number and "
        "no record.",
        command=f"python -m bench.takeovers --moments {moments} --at-once {at_once} "
        f"--freezes {freezes} --seed {seed}",
        rows=rows,
        where=where,
        versions={"freeswitch": version},
    )


if __name__ == "__main__":
    main()
