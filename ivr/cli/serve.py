"""`ivrctl serve` and `ivrctl worker`."""

from __future__ import annotations

import click

from ivr.cli.main import run_async
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
    run_async(Supervisor(settings, lambda what: click.echo(f"starting {what}", err=True)).run())


@click.command()
def worker() -> None:
    """Run one worker process; its neighbours are given by URL.

    \b
    Example: IVR_DATABASE_URL=... IVR_REDIS_URL=... IVR_SYNTHESIS_URL=unix:/run/tts ivrctl worker
    """
    from ivr.worker import run_worker

    settings = load_settings()
    configure_logging(settings.log_level, settings.worker_name)
    run_async(run_worker(settings))
