"""`ivrctl models`: the models that hear callers."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from ivr.errors import IvrError
from ivr.settings import load_settings
from ivr.speech.recognition.catalogue import OFFICIAL
from ivr.speech.recognition.install import install as install_model
from ivr.speech.recognition.models import local_models, models_for


@click.group()
def models() -> None:
    """Models that turn callers' speech into words.

    The English model that comes with the project is small: enough for the demo and for tests.
    For real callers install one of Vosk's.

    \b
    Example: ivrctl models list
    """


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_(as_json: bool) -> None:
    """Show what is installed, what is in use, and what can be installed.

    \b
    Example: ivrctl models list
    """
    settings = load_settings()
    there = local_models(settings)
    used = set(models_for(settings).values()) if there else set()
    names = {model.name for model in there}
    rows: list[dict[str, object]] = [
        {
            "name": model.name,
            "language": model.language,
            "state": "in use" if model.path in used else "installed",
            "path": str(model.path),
        }
        for model in there
    ]
    rows += [
        {
            "name": model.name,
            "language": model.language,
            "state": "available",
            "megabytes": model.megabytes,
            "licence": model.licence,
            "note": model.note,
        }
        for model in OFFICIAL
        if model.name not in names
    ]
    if as_json:
        click.echo(json.dumps({"models": rows}, ensure_ascii=False, indent=2))
        return
    table = Table(box=None)
    for column in ("Model", "Language", "State", "Size", "Licence", "Note"):
        table.add_column(column, no_wrap=True)
    for row in rows:
        size = f"{row['megabytes']:,} MB" if "megabytes" in row else ""
        table.add_row(
            str(row["name"]),
            str(row["language"]),
            str(row["state"]),
            size,
            str(row.get("licence", "")),
            str(row.get("note", row.get("path", ""))),
        )
    # As wide as it is: what is cut off cannot be copied.
    width = Console(width=1000).measure(table).maximum
    console = Console()
    console.width = max(console.width, width)
    console.print(table, soft_wrap=True)


@models.command("install")
@click.argument("what")
@click.option("--language", help="Code of its language, where its name does not tell.")
@click.option("--name", help="What to call it, where its file's name will not do.")
def install(what: str, language: str | None, name: str | None) -> None:
    """Install WHAT: the name of an official model, or the path of a folder or a zip.

    \b
    Example: ivrctl models install vosk-model-small-en-us-0.15
             ivrctl models install ~/my-model.zip --language hi
    """
    settings = load_settings()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(Path(what).name, total=None)

        def show(done: int, total: int | None) -> None:
            bar.update(task, completed=done, total=total)
            if done == total:
                bar.update(task, description="unpacking and trying it")

        place = install_model(
            what, settings.installed_models_dir, language=language, name=name, progress=show
        )
    click.echo(f"{place.name} is installed in {place}.")


@models.command("path")
@click.argument("language", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def path(language: str | None, as_json: bool) -> None:
    """Show the folder of the model that hears LANGUAGE, or of each language's.

    \b
    Example: ivrctl models path en
    """
    folders = models_for(load_settings())
    if language is not None:
        if language not in folders:
            raise IvrError(
                f"There is no recognition model for language {language!r}.",
                remedy="See `ivrctl models list`.",
            )
        folders = {language: folders[language]}
    if as_json:
        click.echo(json.dumps({code: str(folder) for code, folder in folders.items()}))
    elif language is not None:
        click.echo(folders[language])
    else:
        for code, folder in folders.items():
            click.echo(f"{code}\t{folder}")
