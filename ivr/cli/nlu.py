"""`ivrctl nlu`: teach the in-process understanding engine, measure it, try it."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from ivr.cli.nlu_engines import RASA_URL, compare, encoder, rasa_models_dir, serve
from ivr.cli.nlu_learning import export, restore, take_in, versions
from ivr.cli.nlu_options import (
    cache_dir,
    chosen_dir,
    dir_option,
    engine_option,
    folders,
    json_option,
    language_option,
    unknown_language,
)
from ivr.nlu.engines import encoder_of
from ivr.nlu.interpreter import Interpretation, Interpreter
from ivr.nlu.model_cache import model_path, ready_pipeline
from ivr.nlu.rasa import RasaInterpreter
from ivr.nlu.rasa_server import train_rasa
from ivr.nlu.spacy import SpacyInterpreter
from ivr.nlu.training_data import load_training_data
from ivr.settings import load_settings


@click.group()
def nlu() -> None:
    """Understanding: train, test and try it.

    \b
    Example: ivrctl nlu parse "what is my balance"
    """


@nlu.command()
@dir_option
@language_option
@engine_option
@click.option("--fresh", is_flag=True, help="Train also where a trained model is kept.")
@json_option
def train(
    nlu_dir: Path | None, language: str | None, engine: str, fresh: bool, as_json: bool
) -> None:
    """Train what is not trained yet; workers then start without waiting for it.

    \b
    Example: ivrctl nlu train
             ivrctl nlu train --engine rasa
    """
    cache = cache_dir()
    encodes = encoder_of(engine, load_settings().var_dir)
    report = {}
    for code, folder in folders(nlu_dir, language).items():
        started = time.monotonic()
        if engine == "rasa":
            path, kept = train_rasa(folder, rasa_models_dir(cache)), False
        else:
            path = model_path(folder, cache, encodes)
            kept = path.is_dir() and not fresh
            ready_pipeline(folder, cache, encoder=encodes, fresh=fresh)
        seconds = round(time.monotonic() - started, 2)
        report[code] = {"trained": not kept, "seconds": seconds, "path": str(path)}
        if not as_json:
            done = "was there already" if kept else f"trained in {seconds} s"
            click.echo(f"{code}: {done}, {path}")
    if as_json:
        click.echo(json.dumps(report))


@nlu.command()
@dir_option
@language_option
@click.option("--folds", type=click.IntRange(2, 20), default=5, show_default=True)
@json_option
def test(nlu_dir: Path | None, language: str | None, folds: int, as_json: bool) -> None:
    """Measure by cross-validation, and on nonsense that must be rejected.

    \b
    Example: ivrctl nlu test --folds 5
    """
    from ivr.nlu.evaluation import cross_validate

    console = Console()
    report = {}
    for code, folder in folders(nlu_dir, language).items():
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
@dir_option
@click.option("--language", default="en", show_default=True)
@engine_option
@click.option("--url", default=RASA_URL, show_default=True, help="Of the engine rasa's server.")
@json_option
@click.argument("text", nargs=-1, required=True)
def parse(
    nlu_dir: Path | None,
    language: str,
    engine: str,
    url: str,
    as_json: bool,
    text: tuple[str, ...],
) -> None:
    """Understand TEXT as a caller's words.

    \b
    Example: ivrctl nlu parse "i want to block my card"
    """
    folder = chosen_dir(nlu_dir)
    interpreter: Interpreter
    if engine == "rasa":
        interpreter = RasaInterpreter({language: url}, folder, timeout_s=5)
    else:
        encodes = encoder_of(engine, load_settings().var_dir)
        interpreter = SpacyInterpreter(folder, cache_dir(), encoder=encodes)
    if language not in interpreter.languages:
        raise unknown_language(language, interpreter.languages)
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


async def _interpreted(interpreter: Interpreter, text: str, language: str) -> Interpretation:
    """Raises RasaAway: a call goes on without an engine, a trial has nothing to show."""
    try:
        if isinstance(interpreter, RasaInterpreter):
            return await interpreter.ask(text, language)
        return await interpreter.interpret(text, language)
    finally:
        await interpreter.close()


for command in (compare, encoder, serve, export, take_in, versions, restore):
    nlu.add_command(command)
