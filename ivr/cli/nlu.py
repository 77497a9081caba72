"""`ivrctl nlu`: teach the in-process understanding engine, measure it, try it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from ivr.errors import IvrError
from ivr.nlu.interpreter import Interpretation
from ivr.nlu.model_cache import language_folders, model_path, ready_pipeline
from ivr.nlu.spacy import SpacyInterpreter
from ivr.nlu.training_data import load_training_data
from ivr.settings import load_settings

_dir = click.option(
    "--dir",
    "nlu_dir",
    type=click.Path(path_type=Path),
    help="Folder with a subfolder of training data per language; default: the setting nlu_dir.",
)
_language = click.option("--language", help="Only this language; default: all there are.")
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group()
def nlu() -> None:
    """Understanding: train, test and try it.

    \b
    Example: ivrctl nlu parse "what is my balance"
    """


@nlu.command()
@_dir
@_language
@click.option("--fresh", is_flag=True, help="Train also where a trained model is kept.")
@_json
def train(nlu_dir: Path | None, language: str | None, fresh: bool, as_json: bool) -> None:
    """Train what is not trained yet; workers then start without waiting for it.

    \b
    Example: ivrctl nlu train
    """
    cache = _cache_dir()
    report = {}
    for code, folder in _folders(nlu_dir, language).items():
        started = time.monotonic()
        path = model_path(folder, cache)
        kept = path.is_dir() and not fresh
        ready_pipeline(folder, cache, fresh=fresh)
        seconds = round(time.monotonic() - started, 2)
        report[code] = {"trained": not kept, "seconds": seconds, "path": str(path)}
        if not as_json:
            done = "was there already" if kept else f"trained in {seconds} s"
            click.echo(f"{code}: {done}, {path}")
    if as_json:
        click.echo(json.dumps(report))


@nlu.command()
@_dir
@_language
@click.option("--folds", type=click.IntRange(2, 20), default=5, show_default=True)
@_json
def test(nlu_dir: Path | None, language: str | None, folds: int, as_json: bool) -> None:
    """Measure by cross-validation, and on nonsense that must be rejected.

    \b
    Example: ivrctl nlu test --folds 5
    """
    from ivr.nlu.evaluation import cross_validate

    console = Console()
    report = {}
    for code, folder in _folders(nlu_dir, language).items():
        data = load_training_data(folder)
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task(f"{code}: cross-validating", total=folds)
            found = cross_validate(
                data, code, folds=folds, progressed=partial(_show, progress, task)
            )
        report[code] = asdict(found)
        if as_json:
            continue
        console.print(
            f"{code}: {found.accuracy:.1%} of {found.sentences} sentences right, "
            f"{found.confident:.1%} right and sure; "
            f"{found.rejected:.1%} of {found.nonsense} pieces of nonsense rejected"
        )
        table = Table("intent", "right")
        for intent, share in found.per_intent.items():
            table.add_row(intent, f"{share:.1%}")
        console.print(table)
        for intent, taken_for, times in found.confusions[:5]:
            console.print(f"{intent} taken for {taken_for}: {times} times")
    if as_json:
        click.echo(json.dumps(report))


@nlu.command()
@_dir
@click.option("--language", default="en", show_default=True)
@_json
@click.argument("text", nargs=-1, required=True)
def parse(nlu_dir: Path | None, language: str, as_json: bool, text: tuple[str, ...]) -> None:
    """Understand TEXT as a caller's words.

    \b
    Example: ivrctl nlu parse "i want to block my card"
    """
    interpreter = SpacyInterpreter(_nlu_dir(nlu_dir), _cache_dir())
    if language not in interpreter.languages:
        raise _unknown(language, interpreter.languages)
    found = asyncio.run(_interpreted(interpreter, " ".join(text), language))
    if as_json:
        click.echo(
            json.dumps({"intent": found.intent, "confidence": found.confidence} | asdict(found))
        )
        return
    for intent in found.intents[:3]:
        click.echo(f"{intent.confidence:6.1%}  {intent.name}")
    for entity in found.entities:
        click.echo(f"{entity.kind}: {entity.value}  ({entity.text!r})")


def _show(progress: Progress, task: TaskID, done: int) -> None:
    progress.update(task, completed=done)


async def _interpreted(interpreter: SpacyInterpreter, text: str, language: str) -> Interpretation:
    found = await interpreter.interpret(text, language)
    await interpreter.close()
    return found


def _nlu_dir(given: Path | None) -> Path:
    return given if given is not None else load_settings().nlu_dir


def _cache_dir() -> Path:
    return load_settings().var_dir / "nlu"


def _folders(nlu_dir: Path | None, language: str | None) -> dict[str, Path]:
    folders = language_folders(_nlu_dir(nlu_dir))
    if language is None:
        return folders
    if language not in folders:
        raise _unknown(language, folders.keys())
    return {language: folders[language]}


def _unknown(language: str, known: Iterable[str]) -> IvrError:
    return IvrError(
        f"There is no training data for language {language!r}.",
        remedy=f"Choose one of {', '.join(sorted(known))}, or add a folder for it.",
    )
