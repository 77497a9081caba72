"""`ivrctl scenario`: play what callers do, and see whether what must come back does."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ivr.cli.main import run_async

if TYPE_CHECKING:
    from ivr.scenarios.outcome import Outcome
    from ivr.scenarios.run import How
    from ivr.scenarios.scenario import Level
    from ivr.scenarios.scenario_file import Loaded

_LEVELS = ("text", "loopback", "asterisk", "freeswitch")


@click.group()
def scenario() -> None:
    """Play scenarios: what callers do, and what must come back.

    \b
    Example: ivrctl scenario run scenarios
    """


@scenario.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--at", "level", type=click.Choice(_LEVELS), default="text", show_default=True)
@click.option("--only", multiple=True, metavar="WORDS", help="Only scenarios so named.")
@click.option("--target", metavar="SIP", help="The switch to ring, e.g. sip:100@127.0.0.1:5060.")
@click.option("--jobs", type=click.IntRange(1, 64), default=16, show_default=True, help="At once.")
@click.option(
    "--again",
    type=click.IntRange(0, 5),
    default=1,
    show_default=True,
    help="How often to play again what failed where words were misheard.",
)
@click.option("--judge-times", is_flag=True, help="Fail what is slower than its within_ms.")
@click.option("--verbose", is_flag=True, help="Show every call as it went.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, nothing else.")
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="JUnit's XML.")
def run(
    paths: tuple[Path, ...],
    level: Level,
    only: tuple[str, ...],
    target: str | None,
    jobs: int,
    again: int,
    judge_times: bool,
    verbose: bool,
    as_json: bool,
    junit: Path | None,
) -> None:
    """Play the scenarios of files and folders at one level. Exit status 1 when any failed.

    text: the dialogue alone. loopback: with sound, in this process, in real time. asterisk and
    freeswitch: over the telephone, through the switch that `--target` names to the workers of
    your `ivrctl serve`.

    \b
    Example: ivrctl scenario run scenarios
             ivrctl scenario run scenarios/balance.yml --at loopback --verbose
    """
    from ivr.cli.scenario_show import Show
    from ivr.scenarios.report import summary, write_junit
    from ivr.scenarios.run import How
    from ivr.scenarios.scenario_file import load_scenarios

    began = time.monotonic()
    found = load_scenarios(paths)
    if only:
        found = [each for each in found if any(w.lower() in each.name.lower() for w in only)]
    show = Show(len(found), quiet=as_json, verbose=verbose)
    with show:
        how = How(jobs=jobs, again=again, times=judge_times, tell=show.tell)
        outcomes = run_async(_run(found, level, target, how))
    seconds = time.monotonic() - began
    if junit is not None:
        write_junit(junit, outcomes, seconds)
    document = summary(outcomes, seconds)
    if as_json:
        click.echo(json.dumps(document))
    show.summary(outcomes, document)
    if document["failed"]:
        sys.exit(1)


@scenario.command()
def schema() -> None:
    """Print the JSON schema of scenario files, by which editors complete them.

    \b
    Example: ivrctl scenario schema > scenarios/schema.json
    """
    from ivr.scenarios.schema import schema_text

    click.echo(schema_text(), nl=False)


async def _run(
    found: Sequence[Loaded], level: Level, target: str | None, how: How
) -> list[Outcome]:
    """Each level is imported when it is wanted: the one without sound needs no speech."""
    from ivr.scenarios.run import run, run_text
    from ivr.settings import load_settings
    from ivr.telemetry.logs import configure_logging

    settings = load_settings()
    configure_logging("error", "scenario")
    if level == "text":
        return await run_text(found, settings, how)
    if level == "loopback":
        from ivr.scenarios.loopback_level import loopback

        async with loopback(settings, found) as line:
            return await run(found, settings, level, line.play, how)
    from ivr.scenarios.switch_level import switch

    async with switch(settings, target) as line:
        return await run(found, settings, level, line.play, how)
