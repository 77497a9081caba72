"""`ivrctl plan`: what so many calls at once take."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

_TEXTS = {
    "calls_a_second": "new calls a second",
    "edge_cores": "cores busy: Kamailio",
    "switch_cores": "cores busy: Asterisk",
    "worker_cores": "cores busy: workers",
    "store_cores": "cores busy: PostgreSQL, Redis",
    "cores": "cores to have, with room",
    "switches": "Asterisk nodes",
    "workers": "worker processes",
    "trunk_mbit_s": "Mbit/s each way, trunk",
    "audiosocket_mbit_s": "Mbit/s each way, workers",
    "files_per_worker": "open files, a worker",
    "files_per_switch": "open files, an Asterisk",
    "rtp_ports_per_switch": "RTP ports, an Asterisk",
}


@click.command()
@click.option(
    "--calls", type=click.IntRange(1), default=1000, show_default=True, help="Calls at once."
)
@click.option(
    "--talk",
    type=click.FloatRange(0, 1),
    default=0.25,
    show_default=True,
    help="How much of the time callers speak.",
)
@click.option(
    "--duration",
    type=click.FloatRange(1),
    default=120.0,
    show_default=True,
    help="Seconds a call lasts.",
)
@click.option(
    "--costs",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Costs measured on a machine like yours, by python -m bench.plan calibrate.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def plan(calls: int, talk: float, duration: float, file: Path | None, as_json: bool) -> None:
    """Say what so many calls at once take: nodes, cores, bandwidth, file limits.

    \b
    Example: ivrctl plan --calls 1000 --talk 0.25
    """
    from ivr.load.costs import DELIVERED, load_costs
    from ivr.load.plan import plan as planned

    costs = load_costs(file or DELIVERED)
    found = asdict(planned(calls, talk, duration, costs))
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    for name, text in _TEXTS.items():
        click.echo(f"{text:<30} {found[name]:>8g}")
    click.echo(f"from costs measured on {costs.measured_on}, {costs.measured_at:%Y-%m-%d}")
