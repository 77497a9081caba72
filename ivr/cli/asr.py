"""`ivrctl asr`: how well callers are heard."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ivr.cli.main import run_async
from ivr.settings import load_settings
from ivr.speech.trials.conditions import CONDITIONS
from ivr.speech.trials.manifest import Recorded, read_manifest
from ivr.speech.trials.trial import AT_ONCE, Scores, tried


@click.group()
def asr() -> None:
    """How well callers are heard.

    \b
    Example: ivrctl asr test recordings/manifest.csv
    """


@asr.command()
@click.argument("manifest", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--condition",
    "conditions",
    type=click.Choice(list(CONDITIONS)),
    multiple=True,
    help="Only this one; may be given again. Default: all.",
)
@click.option(
    "--model",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with a Vosk model, for every language; default: what hears callers.",
)
@click.option(
    "--open", "open_", is_flag=True, help="Do not expect digits where only digits are said."
)
@click.option("--at-once", default=AT_ONCE, show_default=True, help="Recordings heard at a time.")
@click.option("--verbose", is_flag=True, help="Show each recording that was not heard right.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def test(
    *,
    manifest: Path,
    conditions: tuple[str, ...],
    model: Path | None,
    open_: bool,
    at_once: int,
    verbose: bool,
    as_json: bool,
) -> None:
    """Hear the recordings that MANIFEST lists, at the pace of a call, and count what was heard
    wrong: per language, and per condition of the line (clean, G.711, with noise, with loss).

    MANIFEST is a CSV file with the columns file and transcript, and if wanted language and
    phrases (separated by semicolons: what was expected). Where only digits are said, digits are
    expected.

    \b
    Example: ivrctl asr test recordings/manifest.csv
             ivrctl asr test recordings/manifest.csv --condition g711 --json
    """
    from ivr.speech.recognition.choice import ChosenRecogniser
    from ivr.speech.recognition.recogniser import Recogniser
    from ivr.speech.recognition.vosk import VoskRecogniser

    recordings = read_manifest(manifest)
    wanted = conditions or tuple(CONDITIONS)
    to_people = Console(stderr=True)

    async def hear(progress: Progress) -> Scores:
        recogniser: Recogniser
        if model is not None:
            languages = {recorded.language for recorded in recordings}
            recogniser = VoskRecogniser(dict.fromkeys(languages, model), threads=2)
        else:
            recogniser = ChosenRecogniser(load_settings())
        task = progress.add_task("hearing", total=len(recordings) * len(wanted))

        def heard(recorded: Recorded, condition: str, text: str) -> None:
            progress.advance(task)
            said = " ".join(recorded.words)
            if verbose and text != said:
                progress.console.print(
                    f"{condition}: {recorded.file.name}: {said!r} heard as {text!r}", soft_wrap=True
                )

        try:
            return await tried(
                recogniser,
                recordings,
                wanted,
                narrow=not open_,
                at_once=at_once,
                on_heard=heard,
            )
        finally:
            recogniser.close()

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=to_people,
        transient=True,
    ) as progress:
        scores: Scores = run_async(hear(progress))
    if as_json:
        found = {
            language: {condition: score.as_json() for condition, score in under.items()}
            for language, under in scores.items()
        }
        click.echo(json.dumps(found, indent=2))
        return
    Console().print(_table(scores))


def _table(scores: Scores) -> Table:
    table = Table("", "line", "of", "words wrong", "digits", "strings", "core", "final p50/p95 ms")
    for language, under in scores.items():
        for condition, score in under.items():
            found = score.as_json()
            table.add_row(
                language,
                condition,
                str(score.recordings),
                f"{score.word_error_rate:.1%}",
                _of(score.digits_right, score.digits),
                _of(score.strings_right, score.strings),
                f"{found['core_per_speaker']}",
                f"{found['final_p50_ms']} / {found['final_p95_ms']}",
            )
    return table


def _of(right: int, all_: int) -> str:
    return f"{right / all_:.1%} of {all_}" if all_ else "-"
