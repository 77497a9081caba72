"""`ivrctl serve` and `ivrctl worker`."""

from __future__ import annotations

import os
import signal
import sys

import click

from ivr.cli.main import run_async, sentence_for
from ivr.processes import die_with, leave_ctrl_c_to_the_parent
from ivr.settings import load_settings
from ivr.telemetry.logs import configure_logging


@click.command()
@click.option("--workers", type=click.IntRange(1, 64), help="How many workers to run.")
def serve(workers: int | None) -> None:
    """Run everything a machine needs: what is embedded, speech synthesis, the workers.

    What has a URL in the settings (IVR_DATABASE_URL, IVR_REDIS_URL, IVR_SYNTHESIS_URL) is used;
    what has none is started here, outside production. SIGTERM drains the workers first.

    \b
    Example: ivrctl serve --workers 2
    """
    from ivr.supervision.supervisor import Supervisor

    settings = load_settings()
    if workers is not None:
        settings = settings.model_copy(update={"workers": workers})
    configure_logging(settings.log_level, "supervisor")
    run_async(Supervisor(settings, _show if sys.stderr.isatty() else lambda _: None).run())


def _show(what: str) -> None:
    click.echo(f"starting {what}", err=True)


@click.command()
@click.option("--parent", type=int, hidden=True)
@click.option("--complain-to", type=int, hidden=True)
def worker(parent: int | None, complain_to: int | None) -> None:
    """Run one worker process; its neighbours are given by URL.

    SIGTERM: it takes no more calls, lets the live ones finish (IVR_DRAIN_S), and exits 0.

    \b
    Example: IVR_DATABASE_URL=... IVR_REDIS_URL=... IVR_SYNTHESIS_URL=unix:/run/tts ivrctl worker
    """
    if parent is not None:
        die_with(parent, signal.SIGTERM)
        leave_ctrl_c_to_the_parent()
    try:
        from ivr.worker import run_worker

        settings = load_settings()
        configure_logging(settings.log_level, settings.worker_name)
        run_async(run_worker(settings))
    except Exception as error:
        sentence = sentence_for(error)
        if complain_to is None or sentence is None:
            raise
        # The supervisor says it, once for all of its workers.
        os.write(complain_to, sentence.encode())
        raise SystemExit(2) from None
