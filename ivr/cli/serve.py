"""`ivrctl serve` and `ivrctl worker`."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import click

from ivr.cli.main import run_async, sentence_for
from ivr.processes import die_with, do_gently, leave_ctrl_c_to_the_parent
from ivr.settings import Settings, load_settings
from ivr.supervision.supervisor_link import SupervisorLink
from ivr.telemetry.logs import configure_logging

if TYPE_CHECKING:
    from ivr.engines import Engines


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
@click.option("--supervisor", "descriptor", type=int, hidden=True)
@click.option("--gently", is_flag=True, hidden=True)
def worker(parent: int | None, descriptor: int | None, gently: bool) -> None:
    """Run one worker process; its neighbours are given by URL.

    SIGTERM: it takes no more calls, lets the live ones finish (IVR_DRAIN_S), and exits 0.

    \b
    Example: IVR_DATABASE_URL=... IVR_REDIS_URL=... IVR_SYNTHESIS_URL=unix:/run/tts ivrctl worker
    """
    if parent is not None:
        die_with(parent, signal.SIGTERM)
        leave_ctrl_c_to_the_parent()
    supervisor = None if descriptor is None else SupervisorLink(descriptor)

    def load() -> tuple[Settings, Engines]:
        from ivr.worker import load_worker

        settings = _settings_of_a_worker()
        return settings, load_worker(settings, ports_known=supervisor is None)

    try:
        settings, engines = do_gently(load) if gently else load()
        if supervisor is not None:
            os.environ.update(supervisor.appointed())
            load_settings.cache_clear()
            settings = _settings_of_a_worker()
        from ivr.worker import run_worker

        run_async(run_worker(settings, engines))
    except Exception as error:
        sentence = sentence_for(error)
        # The supervisor says it, once for all of its workers.
        if supervisor is None or sentence is None or not supervisor.complain(sentence):
            raise
        raise SystemExit(2) from None


def _settings_of_a_worker() -> Settings:
    settings = load_settings()
    configure_logging(settings.log_level, settings.worker_name)
    return settings
