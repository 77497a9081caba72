"""`ivrctl demo`: a whole call, really made: spoken, heard, understood, shown and recorded."""

from __future__ import annotations

import sys

import click

from ivr.cli.main import run_async


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, nothing else.")
@click.option("--verbose", is_flag=True, help="Show the worker's log lines too.")
def demo(as_json: bool, verbose: bool) -> None:
    """Make a call to a worker of our own, in real time, and show it as it happens.

    Starts an embedded PostgreSQL and Redis, speech synthesis, the example bank and one worker;
    a caller rings over AudioSocket and talks to it for about a minute and a half. Exit status 1
    when the caller did not get what they came for.

    \b
    Example: ivrctl demo
    """
    from ivr.cli.demo_show import run_demo

    if not run_async(run_demo(as_json=as_json, verbose=verbose)):
        sys.exit(1)
