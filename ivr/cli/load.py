"""`ivrctl load`: many phones at once, by SIPp, and a sample of them by our own phone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

_TARGET = r"(?:sip:)?(?:(?P<number>[^@]+)@)?(?P<host>[^:@]+)(?::(?P<port>\d{1,5}))?"
_COUNT = click.IntRange(1, 1_000_000)
_RATE = click.FloatRange(0.1, 10_000)
_SAYS = ("what is my balance",)


def complete_scenario(
    ctx: click.Context, parameter: click.Parameter, incomplete: str
) -> Sequence[str]:
    """Names of scenarios, for the shell."""
    from ivr.load.sipp import scenarios

    del ctx, parameter
    return [name for name in scenarios() if name.startswith(incomplete)]


@click.command()
@click.option("--target", required=True, help="Whom to ring: 100@127.0.0.1:5060.")
@click.option("--calls", type=_COUNT, default=10, show_default=True, help="How many in all.")
@click.option("--rate", type=_RATE, default=5.0, show_default=True, help="New calls a second.")
@click.option("--concurrent", type=_COUNT, help="At most so many at once.")
@click.option(
    "--hold",
    "hold_s",
    type=click.FloatRange(0, 86400),
    default=10.0,
    show_default=True,
    help="Seconds a call lasts.",
)
@click.option(
    "--scenario",
    default="talk",
    show_default=True,
    shell_complete=complete_scenario,
    help="A name from tests/sipp, or a file of your own.",
)
@click.option(
    "--sample",
    type=click.IntRange(0, 100),
    default=2,
    show_default=True,
    help="Calls that listen and are measured.",
)
@click.option("--from", "local_ip", default="127.0.0.1", show_default=True, help="Our address.")
@click.option(
    "--keep", type=click.Path(path_type=Path), help="Keep SIPp's own files in this folder."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def load(
    *,
    target: str,
    calls: int,
    rate: float,
    concurrent: int | None,
    hold_s: float,
    scenario: str,
    sample: int,
    local_ip: str,
    keep: Path | None,
    as_json: bool,
) -> None:
    """Ring with many phones at once, and print what it was like. Exit status 1 where calls failed.

    \b
    Example: ivrctl load --target 100@127.0.0.1:5060 --calls 100 --rate 10 --hold 20
    """
    import re
    import socket
    import sys
    import tempfile

    from ivr.cli.main import run_async
    from ivr.errors import IvrError
    from ivr.load.sipp import SCENARIOS, SippJob
    from ivr.ports import LAST_PORT

    parts = re.fullmatch(_TARGET, target)
    if parts is None or not 0 < int(parts["port"] or 5060) <= LAST_PORT:
        raise IvrError(f"{target!r} is no target.", remedy="Write it like 100@127.0.0.1:5060.")
    try:
        socket.getaddrinfo(parts["host"], None)
    except OSError:
        raise IvrError(f"There is no host {parts['host']!r}.", remedy="Name another.") from None
    file = Path(scenario) if scenario.endswith(".xml") else SCENARIOS / f"{scenario}.xml"
    if not file.is_file():
        raise IvrError(f"There is no scenario {scenario!r}.", remedy="See tests/sipp.")
    with tempfile.TemporaryDirectory() as folder:
        job = SippJob(
            scenario=file,
            host=parts["host"],
            port=int(parts["port"] or 5060),
            number=parts["number"] or "100",
            calls=calls,
            rate=rate,
            concurrent=concurrent,
            hold_s=hold_s,
            local_ip=local_ip,
            folder=keep or Path(folder),
        )
        document = run_async(_run(job, sample, as_json))
    if as_json:
        click.echo(json.dumps(document, indent=1))
    else:
        _show(document)
    if document["failed"]:
        sys.exit(1)


async def _run(job: Any, sample: int, quiet: bool) -> dict[str, Any]:
    import asyncio
    from dataclasses import replace

    from rich.console import Console
    from rich.progress import Progress

    from ivr.audio.g711 import MU_LAW
    from ivr.load.probes import probe
    from ivr.load.report import figures
    from ivr.load.sipp import result, start
    from ivr.phone.voice import CallerVoice
    from ivr.settings import load_settings

    voice = CallerVoice(load_settings())
    try:
        says = [await voice.speak(text) for text in _SAYS]
    finally:
        await voice.close()
    silence = b"\xff" * 8000
    job = replace(job, sound=silence + MU_LAW.encode(says[0].pcm) + silence * 8)
    expected_s = job.calls / job.rate + job.hold_s + 1

    async def sampled(number: int) -> Any:
        # Spread over the run, in the thick of it.
        await asyncio.sleep(job.calls / job.rate * (number + 1) / (sample + 1))
        target = f"sip:{job.number}@{job.host}:{job.port}"
        return await probe(
            target, f"+9199{number:08}", says, local_host=job.local_ip, hold_s=job.hold_s
        )

    process = start(job)
    listening = asyncio.gather(*(sampled(number) for number in range(sample)))
    try:
        with Progress(transient=True, disable=quiet, console=Console(stderr=True)) as bar:
            task = bar.add_task(f"{job.calls} calls", total=expected_s)
            while process.poll() is None:
                await asyncio.sleep(0.25)
                bar.advance(task, 0.25)
        probes = await listening
    finally:
        listening.cancel()
        if process.poll() is None:
            process.kill()
            process.wait()
    return figures(result(job), probes)


def _show(document: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    sample = document["sample"]
    table = Table("", "p50", "p95", "p99", "max", box=None)
    for name, values in (
        ("set-up, ms", document["setup_ms"]),
        ("answer gap, ms (sample)", sample["answer_gap_ms"]),
        ("frame gap, ms (sample)", sample["frame_gap_ms"]),
    ):
        cells = [f"{values[key]:g}" if values else "-" for key in ("p50", "p95", "p99", "max")]
        table.add_row(name, *cells)
    console = Console(markup=False)
    console.print(
        f"{document['calls']} calls: {document['succeeded']} succeeded,"
        f" {document['failed']} failed, {document['retransmissions']} retransmissions"
    )
    console.print(table)
    console.print(f"{sample['late_frames']} of {sample['frames']} frames came late")
    for cause, count in document["failures_by_cause"].items():
        console.print(f"failed: {cause}: {count}")
    for text in sample["heard"]:
        console.print(f"heard: {text}")
