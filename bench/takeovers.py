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
from collections.abc import Mapping, Sequence
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


def figures(took_ms: Sequence[float]) -> dict[str, Cell]:
    """How long something took, in ms."""
    p50, p95 = np.percentile(took_ms, (50, 95))
    return {
        "times": len(took_ms),
        "p50, ms": round(float(p50)),
        "p95, ms": round(float(p95)),
        "longest, ms": round(max(took_ms)),
    }


def row(silences_ms: Sequence[float]) -> dict[str, Cell]:
    """The silences of conversations that were struck."""
    found = figures(silences_ms)
    return {
        "conversations struck": found["times"],
        "silence p50, ms": found["p50, ms"],
        "p95, ms": found["p95, ms"],
        "longest, ms": found["longest, ms"],
    }


async def killed(
    stack: Stack, target: str, sounds: Sounds, *, moments: int, at_once: int, seed: int
) -> dict[str, Cell]:
    """The figures of workers that are killed."""
    with Progress(transient=True) as bar:
        task = bar.add_task("conversations struck", total=moments)
        deaths = await kill_under_callers(
            stack,
            target,
            sounds,
            moments=moments,
            at_once=at_once,
            seed=seed,
            on_struck=lambda struck: bar.update(task, completed=struck),
        )
    unheard = await assert_all_led_to_their_ends(stack, deaths)
    return row(deaths.silences_ms()) | {"answers that died unheard": unheard}


async def frozen(
    stack: Stack, target: str, sounds: Sounds, *, freezes: int
) -> dict[str, dict[str, Cell]]:
    """The figures of workers that freeze."""
    found = []
    with Progress(transient=True) as bar:
        task = bar.add_task("workers frozen", total=freezes)
        for _ in range(freezes):
            found.append(await freeze_under_caller(stack, target, sounds))
            bar.advance(task)
    return {
        "silence": figures([each.silence_ms for each in found]),
        "until the watchdog notices": figures([each.noticed_ms for each in found]),
        "until a new worker is ready": figures([each.replaced_ms for each in found]),
    }


async def version_of(switch: FreeSwitch) -> str:
    """FreeSWITCH's version."""
    operator = await switch.operator()
    version = (await operator.api("version")).split()[2].partition("-")[0]
    await operator.close()
    return version


@click.command()
@click.option("--moments", default=50, show_default=True)
@click.option("--at-once", default=6, show_default=True)
@click.option("--freezes", default=20, show_default=True)
@click.option("--seed", default=50, show_default=True)
def main(moments: int, at_once: int, freezes: int, seed: int) -> None:
    """Print the figures, and keep them; what is to happen 0 times is left out."""
    where = machine()

    async def measure(stack: Stack, switch: FreeSwitch) -> None:
        target, sounds = switch.sip_target(_ENGLISH), await voices()
        versions = {"freeswitch": await version_of(switch)}
        if moments:
            cells = await killed(stack, target, sounds, moments=moments, at_once=at_once, seed=seed)
            told({"killed": cells})
            save(
                "takeovers",
                title="Workers that die under their callers",
                order=30,
                text="Two workers behind a real FreeSWITCH, and a spare one that is kept loaded. "
                f"{at_once} callers talk with the bank "
                "while workers are killed (SIGKILL) at random moments. Silence is from that moment "
                "to the bot's next sound at the phone, where what arrives within 60 ms, from "
                "FreeSWITCH's buffers, does not count. Every call went on from its last turn to "
                "its end, nothing that was settled was asked again, each has its end in "
                "PostgreSQL, every turn that was told of is there once, and no record was refused. "
                "An answer that dies unheard has a number and no record.",
                command=f"python -m bench.takeovers --moments {moments} --at-once {at_once} "
                f"--freezes 0 --seed {seed}",
                rows={"killed": cells},
                where=where,
                versions=versions,
            )
        if freezes:
            rows = await frozen(stack, target, sounds, freezes=freezes)
            told(rows)
            save(
                "freezes",
                title="Workers that freeze under their callers",
                order=30,
                text="Two workers behind a real FreeSWITCH, a spare one that is kept loaded, and a "
                "caller whose worker is frozen "
                "(SIGSTOP): silence as above, when the watchdog notices, and when the spare "
                "takes calls in the frozen one's place. Every call went on from its last "
                "turn to its end.",
                command=f"python -m bench.takeovers --moments 0 --freezes {freezes}",
                rows=rows,
                where=where,
                versions=versions,
            )

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        render_spoken(folder / "sounds", "freeswitch")
        with Stack(folder / "var", workers=2, environment={"IVR_SPARE_WORKERS": "1"}) as stack:
            switch = FreeSwitch.before(folder, stack.notes.freeswitch_ports)
            try:
                asyncio.run(measure(stack, switch))
            finally:
                switch.stop()


def told(rows: Mapping[str, Mapping[str, Cell]]) -> None:
    """Print figures."""
    for kind, cells in rows.items():
        click.echo(f"{kind}: " + ", ".join(f"{name} {value}" for name, value in cells.items()))


if __name__ == "__main__":
    main()
