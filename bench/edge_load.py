"""`ivrctl load` with many talking calls at once, and its table beside SIPp's own files.

    python -m bench.edge_load --calls 100

Kamailio and Asterisk are real; the far end of each call is a server that sends back what it
hears, so that the figures are those of the line.
"""

from __future__ import annotations

import asyncio
import csv
import json
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import click

from bench.asterisk_calls import EchoServer
from ivr.benchmarks.results import Cell, machine, save
from tests.prompts import render_tones
from tests.sip.edge import Edge, install
from tests.telephony.asterisk.switch import AsteriskSwitch, asterisk_root

RATE = 10


async def loaded(edge: Edge, calls: int, hold_s: float, kept: Path) -> dict[str, Any]:
    """What `ivrctl load` says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ivr.cli.main", "load", "--json", "--keep", str(kept)),
        *("--target", f"100@127.0.0.1:{edge.port}", "--calls", str(calls)),
        *("--rate", str(RATE), "--hold", str(hold_s), "--sample", "2"),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    document: dict[str, Any] = json.loads(out)
    return document


def by_hand(kept: Path) -> dict[str, Cell]:
    """The same figures, read out of SIPp's files."""
    lines = (kept / "statistics.csv").read_text().splitlines()
    rows = list(csv.DictReader(lines, delimiter=";"))
    (file,) = kept.glob("talk_*_rtt.csv")
    times = [float(line.split(";")[1]) for line in file.read_text().splitlines()[1:]]
    return {
        "calls": int(rows[-1]["TotalCallCreated"]),
        "succeeded": int(rows[-1]["SuccessfulCall(C)"]),
        "failed": int(rows[-1]["FailedCall(C)"]),
        "at once": max(int(row["CurrentCall"]) for row in rows),
        "set-up p50, ms": round(median(times), 1),
        "set-up max, ms": max(times),
    }


async def run(calls: int, folder: Path) -> dict[str, dict[str, Cell]]:
    """Both."""
    switch = AsteriskSwitch(asterisk_root())
    await asyncio.to_thread(render_tones, switch.sounds, "asterisk")
    switch.start()
    server = await asyncio.get_running_loop().create_server(EchoServer, "127.0.0.1", 0)
    switch.use_workers(server.sockets[0].getsockname()[1], menu_wait_s=1)
    (folder / "edge").mkdir()
    edge = Edge(folder / "edge", {"asterisk-1": f"127.0.0.1:{switch.sip_port}"})
    await asyncio.to_thread(edge.start)
    try:
        told = await loaded(edge, calls, calls / RATE + 10, folder / "sipp")
    finally:
        await asyncio.to_thread(edge.stop)
        switch.stop()
        server.close()
    sample = told["sample"]
    click.echo(json.dumps(told, indent=1))
    return {
        "ivrctl load": {
            "calls": told["calls"],
            "succeeded": told["succeeded"],
            "failed": told["failed"],
            "at once": None,
            "set-up p50, ms": told["setup_ms"]["p50"],
            "set-up max, ms": told["setup_ms"]["max"],
            "frame gap p50, ms": sample["frame_gap_ms"]["p50"],
            "frame gap p99, ms": sample["frame_gap_ms"]["p99"],
            "late frames": sample["late_frames"],
        },
        "SIPp's files": {
            **by_hand(folder / "sipp"),
            "frame gap p50, ms": None,
            "frame gap p99, ms": None,
            "late frames": None,
        },
    }


@click.command()
@click.option("--calls", default=100, show_default=True)
def main(calls: int) -> None:
    """Measure and save."""
    install()
    where = machine()
    with tempfile.TemporaryDirectory() as folder:
        rows = asyncio.run(run(calls, Path(folder)))
    save(
        "edge-load",
        title="A hundred talking calls",
        order=61,
        text="`ivrctl load` through a real Kamailio and Asterisk, beside the same figures read out"
        " of SIPp's own files. Phones, switch and echo share the machine.",
        command=f"python -m bench.edge_load --calls {calls}",
        rows=rows,
        where=where,
    )
    click.echo(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
