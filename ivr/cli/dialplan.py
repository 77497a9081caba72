"""`ivrctl dialplan`: what FreeSWITCH would only find out while a caller waits."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ivr.errors import IvrError
from ivr.settings import PROJECT

CONFIGURATION = PROJECT / "freeswitch" / "conf"
TEXTS = PROJECT / "freeswitch" / "prompts.yaml"


@click.group()
def dialplan() -> None:
    """Look after FreeSWITCH's dialplan.

    \b
    Example: ivrctl dialplan check
    """


@dialplan.command()
@click.argument(
    "folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default=CONFIGURATION
)
@click.option(
    "--texts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=TEXTS,
    help="What the prompts say.  [default: freeswitch/prompts.yaml]",
)
@click.option(
    "--sounds",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where the prompts were rendered to; without it only their names are checked.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def check(folder: Path, texts: Path, sounds: Path | None, as_json: bool) -> None:
    """Check a configuration folder: its XML, its roads, its variables, its prompts.

    \b
    Example: ivrctl dialplan check /etc/freeswitch --sounds /usr/share/freeswitch/sounds
    """
    from ivr.cli.switch_prompts import load_texts
    from ivr.telephony.freeswitch.configuration import Configuration

    problems = Configuration(folder).problems(load_texts(texts), sounds)
    if as_json:
        click.echo(json.dumps({"folder": str(folder), "problems": list(map(str, problems))}))
    else:
        for problem in problems:
            click.echo(problem)
    if problems:
        count = "One thing is" if len(problems) == 1 else f"{len(problems)} things are"
        raise IvrError(f"{count} wrong in {folder}.", remedy="Mend what is listed above.")
    if not as_json:
        click.echo(f"{folder} is sound.")
