"""A minute of thirty calls a second beside a flood of a hundred requests a second.

python -m bench.edge_flood
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import click
import numpy as np

from ivr.benchmarks.results import machine, save
from tests.sip.edge import TRUNK, Edge, install
from tests.sip.flooding import CALLS_A_SECOND, DEFINES, TRUNK_LIMITS, BesideFlood, beside_a_flood
from tests.sip.node import ScriptedNode


async def run(seconds: int, folder: Path) -> BesideFlood:
    """Measure, with nodes that answer at once."""
    nodes = (ScriptedNode(), ScriptedNode())
    for node in nodes:
        await node.open()
    edge = Edge(
        folder,
        {"first": nodes[0].address, "second": nodes[1].address},
        defines=DEFINES,
        trunks=f"1 {TRUNK} 32 0 carrier/{TRUNK_LIMITS}\n",
    )
    await asyncio.to_thread(edge.start)
    try:
        return await beside_a_flood(edge, nodes, seconds, folder)
    finally:
        await asyncio.to_thread(edge.stop)
        for node in nodes:
            node.close()


@click.command()
@click.option("--seconds", default=60, show_default=True)
def main(seconds: int) -> None:
    """Measure and save."""
    install()
    where = machine()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(run(seconds, Path(folder)))
    p50, p99, most = np.percentile(found.trunk.setup_ms, (50, 99, 100))
    rows = {
        f"{CALLS_A_SECOND} calls a second for {seconds} s": {
            "answered": found.trunk.succeeded,
            "not answered": found.trunk.failed,
            "why": ", ".join(f"{n} {why}" for why, n in found.trunk.causes.items()) or None,
            "sent again": found.trunk.retransmissions,
            "set-up p50, ms": round(float(p50), 1),
            "set-up p99, ms": round(float(p99), 1),
            "set-up max, ms": round(float(most), 1),
            "flood banned after, s": round(found.banned_after_s, 1),
            "of the flood's at the nodes": found.strangers,
        }
    }
    save(
        "edge-flood",
        title="The edge beside a flood",
        order=60,
        text="SIPp rings a real Kamailio from a trunk's address while a stranger's address sends"
        " 100 INVITEs a second; the nodes answer at once.",
        command=f"python -m bench.edge_flood --seconds {seconds}",
        rows=rows,
        where=where,
    )
    click.echo(rows)
    click.echo(found.trunk.errors[:600])


if __name__ == "__main__":
    main()
