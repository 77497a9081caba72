"""`ivrctl tts`: speech engines as services of their own."""

from __future__ import annotations

import os
from pathlib import Path

import click

from ivr.cli.main import run_async
from ivr.settings import load_settings
from ivr.speech.synthesis.engines import KINDS


@click.group()
def tts() -> None:
    """Run speech engines, and see what they speak.

    \b
    Example: ivrctl tts serve --engine piper --model en=/voices/en_US-joe-medium.onnx
    """


@tts.command()
@click.option("--engine", type=click.Choice(KINDS), required=True, help="Which engine.")
@click.option(
    "--model",
    "models",
    multiple=True,
    help="[LANGUAGE=]PATH or, for Coqui, NAME; once for each language.",
)
@click.option(
    "--listen", help="unix:/path or tcp://host:port.  [default: ENGINE.socket in var_dir]"
)
def serve(engine: str, models: tuple[str, ...], listen: str | None) -> None:
    """Serve one engine, in this process and on one core, until SIGTERM.

    Workers ask it where IVR_SYNTHESIS_ENGINES names its address. Whoever reaches a tcp address may
    let it speak: keep it within your own network.

    \b
    Example: ivrctl tts serve --engine coqui --model en=/models/vits --listen tcp://127.0.0.1:9074
    """
    from ivr.speech.synthesis.engines import service_command, service_environment
    from ivr.speech.synthesis.models import parse_models

    if engine != "espeak":
        parse_models(models, engine)
    if listen is None:
        folder = load_settings().var_dir
        folder.mkdir(parents=True, exist_ok=True)
        listen = f"unix:{Path(folder, f'{engine}.socket').resolve()}"
    command = service_command(engine, listen, models)
    click.echo(f"{engine} at {listen}", err=True)
    os.execve(command[0], command, service_environment(dict(os.environ)))  # noqa: S606


@tts.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def list_(as_json: bool) -> None:
    """Show the engines of the settings in their order: what they are and what they speak.

    \b
    Example: ivrctl tts list
    """
    import json

    from rich.console import Console
    from rich.table import Table

    rows = run_async(_asked())
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    table = Table("engine", "state", "what it is", "languages", box=None)
    for row in rows:
        table.add_row(*(str(row[name]) for name in ("engine", "state", "what", "languages")))
    Console().print(table)


async def _asked() -> list[dict[str, str]]:
    from ivr.errors import IvrError
    from ivr.speech.synthesis.client import SynthesisClient
    from ivr.speech.synthesis.engines import python_of
    from ivr.supervision.notes import read_notes

    settings = load_settings()
    notes = read_notes(settings.var_dir)
    last = settings.synthesis_url or (notes and notes.synthesis_url) or "espeak"
    rows = []
    before = notes.synthesis_engines if notes is not None else settings.synthesis_engines
    for engine in (*before, last):
        row = {"engine": engine, "state": "answers", "what": "", "languages": ""}
        try:
            if engine in KINDS:
                python_of(engine)
                row |= {"state": "installed", "what": "`ivrctl serve` starts it"}
            else:
                client = SynthesisClient(engine)
                facts = await client.ping()
                await client.close()
                row |= {"what": facts.version, "languages": ", ".join(facts.models) or "any"}
        except IvrError as error:
            row |= {"state": "away", "what": str(error)}
        rows.append(row)
    return rows
