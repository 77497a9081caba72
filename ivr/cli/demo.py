"""`ivrctl demo`: a whole call, really made: spoken, heard, understood, shown and recorded."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ivr.cli.main import run_async


@click.command()
@click.option(
    "--flow",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The flow to call; default: the setting flow.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, nothing else.")
@click.option("--verbose", is_flag=True, help="Show the worker's log lines too.")
def demo(flow: Path | None, as_json: bool, verbose: bool) -> None:
    """Make a call to a worker of our own, in real time, and show it as it happens.

    Starts an embedded PostgreSQL and Redis, speech synthesis, the example bank and one worker;
    a caller rings over AudioSocket and talks to it for about a minute and a half. What they do
    is in scenarios/demo-NAME.yml, by the flow's file name. Exit status 1 when the caller did not
    get what they came for.

    \b
    Example: ivrctl demo
             ivrctl demo --flow flows/schemes.json
    """
    from ivr.cli.demo_show import run_demo

    if not run_async(run_demo(flow, as_json=as_json, verbose=verbose)):
        sys.exit(1)
