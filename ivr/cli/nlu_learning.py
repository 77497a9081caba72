"""`ivrctl nlu export|import|versions|restore`: learn from calls."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ivr.cli.nlu_options import (
    cache_dir,
    chosen_dir,
    dir_option,
    folders,
    json_option,
    local_engine_option,
)
from ivr.errors import IvrError
from ivr.settings import load_settings

if TYPE_CHECKING:
    from ivr.nlu.label_studio import Task
    from ivr.storage.reader import RecordReader
    from ivr.storage.record import TurnTaken

_CORRECTIONS = ("deny", "cancel", "go_back", "start_over")
"""What callers answer when they were misunderstood."""


@click.command()
@dir_option
@click.option("--out", type=click.Path(path_type=Path), help="Default: standard output.")
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="Write the labelling interface (XML) for a new Label Studio project here.",
)
@click.option("--below", default=0.7, show_default=True, help="Confidence that counts as low.")
@click.option("--limit", default=500, show_default=True, help="Turns at most, newest first.")
@click.option(
    "--correction", "corrections", multiple=True, default=_CORRECTIONS, show_default=True,
    help="An intent by which callers tell that they were misunderstood.",
)  # fmt: skip
def export(
    nlu_dir: Path | None,
    out: Path | None,
    labels: Path | None,
    below: float,
    limit: int,
    corrections: tuple[str, ...],
) -> None:
    """Write turns that were perhaps misunderstood as tasks for Label Studio.

    \b
    Example: ivrctl nlu export --out tasks.json --labels labels.xml
    """
    from ivr.nlu.label_studio import label_config, write_tasks

    turns = _reader().doubtful_turns(below, corrections, limit)
    text = write_tasks(asyncio.run(_tasks(chosen_dir(nlu_dir), turns, below)))
    if labels is not None:
        labels.write_text(label_config(*_names(nlu_dir)), encoding="utf-8")
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")
        click.echo(f"{len(json.loads(text))} turns written to {out}")


@click.command("import")
@dir_option
@local_engine_option
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def take_in(nlu_dir: Path | None, engine: str, file: Path, as_json: bool) -> None:
    """Learn the annotations of FILE, Label Studio's JSON export, where that makes a better model.

    Judged on the frozen test set of each language; exits with 1 where one was refused.

    \b
    Example: ivrctl nlu import annotated.json
    """
    from ivr.clock import SystemClock
    from ivr.nlu.engines import encoder_of
    from ivr.nlu.label_studio import read_annotations
    from ivr.nlu.retraining import retrain

    try:
        found = read_annotations(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise IvrError(f"{file} cannot be read: {error}.", remedy="Name a JSON file.") from None
    settings = load_settings()
    encodes = encoder_of(engine, settings.var_dir)
    verdicts = {}
    for language in dict.fromkeys(language for language, _, _ in found):
        folder = folders(nlu_dir, language)[language]
        examples = [(intent, example) for code, intent, example in found if code == language]
        verdicts[language] = retrain(
            folder, examples, cache_dir(), now=SystemClock().now(), encoder=encodes
        )
    if as_json:
        from dataclasses import asdict

        click.echo(json.dumps({code: asdict(one) for code, one in verdicts.items()}))
    else:
        for code, one in verdicts.items():
            word = "takes over" if one.adopted else "is refused: it is no better"
            click.echo(
                f"{code}: {one.sentences} sentences learnt, {one.left_out} left out; "
                f"right {one.before.right:.1%} -> {one.after.right:.1%}, "
                f"served {one.before.served:.1%} -> {one.after.served:.1%}; {one.version} {word}"
            )
        if not verdicts:
            click.echo(f"There are no annotations in {file}.")
    sys.exit(0 if all(one.adopted for one in verdicts.values()) else 1)


@click.command()
@dir_option
@click.option("--language", default="en", show_default=True)
@json_option
def versions(nlu_dir: Path | None, language: str, as_json: bool) -> None:
    """List what was learnt from calls, oldest first.

    \b
    Example: ivrctl nlu versions
    """
    from ivr.nlu.retraining import versions_dir

    folder = folders(nlu_dir, language)[language]
    kept = versions_dir(folder, cache_dir()).glob("*/verdict.json")
    verdicts = sorted((json.loads(path.read_text("utf-8")) for path in kept), key=_when)
    if as_json:
        click.echo(json.dumps(verdicts))
        return
    for one in verdicts:
        word = "adopted" if one["adopted"] else "refused"
        served = f"{one['before']['served']:.1%} -> {one['after']['served']:.1%}"
        click.echo(f"{one['at']}  {one['version']}  {word}  served {served}")


@click.command()
@dir_option
@click.option("--language", default="en", show_default=True)
@click.argument("version")
def restore(nlu_dir: Path | None, language: str, version: str) -> None:
    """Go back to what VERSION had learnt from calls; workers use it from their next start.

    \b
    Example: ivrctl nlu restore en-0123456789abcdef
    """
    from ivr.nlu.retraining import restore as put_back

    put_back(folders(nlu_dir, language)[language], cache_dir(), version)
    click.echo(f"{language}: {version} is in its place")


def _when(verdict: dict[str, str]) -> str:
    return verdict["at"]


async def _tasks(nlu_dir: Path, turns: list[TurnTaken], below: float) -> list[Task]:
    """Each sentence once, as it is understood today."""
    from ivr.nlu.label_studio import Task
    from ivr.nlu.spacy import SpacyInterpreter

    interpreter = SpacyInterpreter(nlu_dir, cache_dir())
    tasks: dict[tuple[str, str], Task] = {}
    for turn in turns:
        if turn.language not in interpreter.languages:
            continue
        low = turn.confidence is not None and turn.confidence < below
        task = Task(
            call_id=str(turn.call_id),
            number=turn.number,
            language=turn.language,
            node=turn.node,
            why="low confidence" if low else "corrected",
            said=await interpreter.interpret(turn.text, turn.language),
        )
        tasks.setdefault((turn.language, turn.text.lower()), task)
    await interpreter.close()
    return list(tasks.values())


def _names(nlu_dir: Path | None) -> tuple[set[str], set[str]]:
    """The intents and entities of all languages."""
    from ivr.nlu.phrases import COMPUTED_KINDS, listed_phrases
    from ivr.nlu.training_data import load_training_data

    intents: set[str] = set()
    entities: set[str] = set(COMPUTED_KINDS)
    for folder in folders(nlu_dir, None).values():
        data = load_training_data(folder)
        intents |= set(data.intents)
        entities |= {phrase["label"] for phrase in listed_phrases(data)}
    return intents, entities


def _reader() -> RecordReader:
    from ivr.storage.reader import RecordReader
    from ivr.supervision.notes import read_notes

    settings = load_settings()
    if settings.database_url is not None:
        return RecordReader(settings.database_url.get_secret_value())
    notes = read_notes(settings.var_dir)
    if notes is None or notes.database_url is None:
        raise IvrError(
            "There are no records to read.",
            remedy="Set IVR_DATABASE_URL, or start `ivrctl serve` on this machine.",
        )
    return RecordReader(notes.database_url)
