"""The bench's own worker and its neighbours, started for the bench alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ivr.ports import free_ports
from ivr.settings import PROJECT, Settings
from ivr.supervision.supervisor import Supervisor

FLOW = PROJECT / "bench" / "turns" / "flow.json"
LOG = "worker.log"
"""In the worker's folder: what it logged, with the waterfall of each answer."""


@asynccontextmanager
async def bench_worker(settings: Settings, folder: Path) -> AsyncIterator[Settings]:
    """One worker with the bench's flow, everything embedded in `folder`, where it logs to `LOG`;
    yields its settings. Raises IvrError when it does not start."""
    audiosocket_port, freeswitch_port, http_port = free_ports(3)
    supervisor = Supervisor(
        settings.model_copy(
            update={
                "flow": FLOW,
                "audiosocket_port": audiosocket_port,
                "freeswitch_port": freeswitch_port,
                "http_port": http_port,
                "workers": 1,
                "drain_s": 0.0,
                # Turns are measured, not who is let in: each of them has to be answered.
                "most_lag_ms": 60_000.0,
                "most_backlog_ms": 600_000.0,
                "var_dir": folder,
                # As a worker does that is at work: its log has the waterfall of each answer.
                "log_level": "info",
            }
        ),
        worker_log=folder / LOG,
    )
    await supervisor.start()
    try:
        yield supervisor.settings
    finally:
        await supervisor.stop()
