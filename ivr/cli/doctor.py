"""`ivrctl doctor`: what is wrong, before callers find it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

_MARKS = {"ok": "ok     ", "warning": "warning", "wrong": "WRONG  "}


@click.command()
@click.option(
    "--etc",
    "folders",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with a switch's configuration, to look for secrets in; may be repeated.",
)
@click.option(
    "--edge",
    "socket",
    type=click.Path(path_type=Path),
    default=Path("/run/kamailio/ivr.sock"),
    envvar="IVR_EDGE_SOCKET",
    show_default=True,
    help="Kamailio's socket (IVR_EDGE_SOCKET).",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def doctor(folders: tuple[Path, ...], socket: Path, as_json: bool) -> None:
    """Look at ports, secrets, versions, clocks, models, disk and each neighbour.

    Exit status 0: all is well; 1: worth knowing; 2: something is wrong.

    \b
    Example: ivrctl doctor --etc /etc/asterisk --etc /etc/kamailio
    """
    from ivr.doctor import checks
    from ivr.doctor.neighbours import neighbours
    from ivr.settings import load_settings
    from ivr.supervision.notes import read_notes

    settings = load_settings()
    running = read_notes(settings.var_dir) is not None
    findings = [
        *checks.versions(),
        *checks.secrets(settings, list(folders)),
        *checks.ports(settings, running),
        *checks.models(settings),
        *checks.disk(settings),
        *checks.files(),
        *neighbours(settings, socket),
    ]
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        for finding in findings:
            click.echo(f"{_MARKS[finding.level]} {finding.check}: {finding.text}")
            if finding.remedy:
                click.echo(f"        {finding.remedy}")
    levels = {finding.level for finding in findings}
    sys.exit(2 if "wrong" in levels else 1 if "warning" in levels else 0)
