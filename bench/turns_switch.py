"""The labelled turns through a real switch: what SIP, RTP and the switch add to the gap.

    python -m bench.turns_switch --switch asterisk
    IVR_FREESWITCH=$(which freeswitch) python -m bench.turns_switch --switch freeswitch

The same turns as `ivrctl bench latency`, by SIP phones: sound as G.711 in RTP, keys by RFC 4733.
Times are those of the phone's packets. A key counts from its first end packet.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import uvloop
from rich.console import Console
from rich.progress import Progress

from ivr.audio.format import TELEPHONE
from ivr.benchmarks.results import machine
from ivr.benchmarks.turns.calls import play
from ivr.benchmarks.turns.corpus import HELD_OUT, sounding
from ivr.benchmarks.turns.figures import Figures
from ivr.benchmarks.turns.judge import Outcome
from ivr.benchmarks.turns.line import Line
from ivr.benchmarks.turns.sound import TurnSounds
from ivr.benchmarks.turns.worker import FLOW
from ivr.cli.bench_latency import keep_result, recognition_version
from ivr.phone.rtp import PRESS_PACKETS
from ivr.phone.sip import SipPhone
from ivr.settings import load_settings
from ivr.speech.synthesis.client import SynthesisClient
from ivr.speech.synthesis.supervised import SynthesisProcess
from tests.e2e.stack import Stack
from tests.freeswitch.switch import FreeSwitch, binary
from tests.prompts import render_spoken
from tests.telephony.asterisk.switch import AsteriskSwitch, asterisk_root

_KEY_RELEASE_MS = float((PRESS_PACKETS - 1) * TELEPHONE.ptime_ms)
_ENGLISH = "7003"
"""The number of the tests' FreeSWITCH that chooses English unasked."""


@contextmanager
def _asterisk(folder: Path) -> Iterator[tuple[str, str]]:
    """Yields whom a phone rings, and the switch's version."""
    switch = AsteriskSwitch(asterisk_root())
    render_spoken(switch.sounds, "asterisk")
    switch.start()
    environment = {
        "IVR_FLOW": str(FLOW),
        "IVR_AMI_PORT": str(switch.ami_port),
        "IVR_AMI_SECRET": switch.ami_secret,
        "IVR_LOG_LEVEL": "warning",
    }
    try:
        with Stack(folder / "var", environment=environment) as stack:
            stack.until_ready()
            switch.use_workers(*stack.notes.audiosocket_ports)
            version = switch.cli("core show version").split()[1].partition("~")[0]
            yield switch.sip_target(), version
    finally:
        switch.stop()


@contextmanager
def _freeswitch(folder: Path) -> Iterator[tuple[str, str]]:
    """Yields whom a phone rings, and the switch's version."""
    render_spoken(folder / "sounds", "freeswitch")
    environment = {"IVR_FLOW": str(FLOW), "IVR_LOG_LEVEL": "warning"}
    with Stack(folder / "var", environment=environment) as stack:
        stack.until_ready()
        switch = FreeSwitch.before(folder, stack.notes.freeswitch_ports)
        try:
            said = subprocess.run(
                [str(binary()), "-version"], capture_output=True, text=True, check=True
            ).stdout
            yield switch.sip_target(_ENGLISH), said.split()[2].partition("-")[0]
        finally:
            switch.stop()


async def _play(
    target: str,
    *,
    calls: int,
    menu: str,
    human: Path | None,
    half: str,
    every: int,
    bar: Progress,
) -> tuple[Outcome, ...]:
    process = SynthesisProcess()
    await process.start()
    client = SynthesisClient(process.url, timeout_s=10.0)
    try:
        corpus = await sounding(half, TurnSounds(client.synthesise, human), human=human is not None)
    finally:
        await client.close()
        await process.stop()
    turns = corpus.turns[::every]
    task = bar.add_task(f"{len(turns)} calls, {calls} at once", total=len(turns))
    numbers = iter(range(10_000))

    def ring(line: Line) -> SipPhone:
        return SipPhone(target, number=f"+9140000{next(numbers):05}", handset=line)

    return await play(
        turns,
        ring,
        at_once=calls,
        told=lambda _: bar.advance(task),
        key_release_ms=_KEY_RELEASE_MS,
        switch_menu=menu,
    )


@click.command()
@click.option("--switch", type=click.Choice(["asterisk", "freeswitch"]), required=True)
@click.option("--calls", default=20, show_default=True)
@click.option("--half", type=click.Choice(["held-out", "tuning"]), default=HELD_OUT)
@click.option("--every", default=1, show_default=True, help="Play only each so many-th turn.")
@click.option("--human", type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(switch: str, calls: int, half: str, every: int, human: Path | None) -> None:
    """Print one JSON document, and keep it where the whole half held out was played."""
    where = machine()
    console = Console(stderr=True)
    started = _asterisk if switch == "asterisk" else _freeswitch
    menu = "1" if switch == "asterisk" else ""
    with (
        tempfile.TemporaryDirectory() as name,
        Progress(console=console, transient=True) as bar,
        started(Path(name)) as (target, version),
    ):
        outcomes = uvloop.run(
            _play(target, calls=calls, menu=menu, human=human, half=half, every=every, bar=bar)
        )
    figures = Figures(outcomes)
    click.echo(json.dumps(figures.as_json()))
    if half == HELD_OUT and every == 1:
        with_humans = "" if human is None else " --human FOLDER"
        command = f"python -m bench.turns_switch --switch {switch}{with_humans}"
        title = {"asterisk": "Asterisk", "freeswitch": "FreeSWITCH"}[switch]
        versions = {**recognition_version(load_settings()), switch: version}
        keep_result(
            f"turn-taking-{switch}", figures, where, command, versions=versions, through=title
        )


if __name__ == "__main__":
    main()
