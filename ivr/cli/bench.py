"""`ivrctl bench`: measure what callers notice."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def bench() -> None:
    """Measure what callers notice, and keep what came out.

    \b
    Example: ivrctl bench latency
    """


_MORE = click.option(
    "--more",
    type=click.IntRange(min=0),
    default=0,
    help="Other turns to tune on: each number draws as many others. Only with --half tuning.",
)


@bench.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document, nothing else.")
@click.option("--calls", default=16, show_default=True, help="How many at once.")
@click.option(
    "--half",
    type=click.Choice(["held-out", "tuning"]),
    default="held-out",
    show_default=True,
    help="Which turns; what is reported is measured on those held out.",
)
@click.option(
    "--human",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder of the Free Spoken Digit Dataset, for turns of human digits.",
)
@_MORE
@click.option("--keep", type=click.Path(path_type=Path), help="Write each turn's outcome here.")
def latency(
    *, as_json: bool, calls: int, half: str, more: int, human: Path | None, keep: Path | None
) -> None:
    """From the caller's last sound to the answer's first, at the phone, over AudioSocket.

    Starts a worker of its own and rings it once for each labelled turn. Takes about four minutes.

    \b
    Example: ivrctl bench latency
             ivrctl bench latency --json --human recordings/
    """
    from ivr.cli.bench_latency import run_latency

    run_latency(as_json=as_json, calls=calls, half=half, more=more, human=human, keep=keep)


@bench.command()
@click.option("--to", required=True, type=click.Path(path_type=Path), help="The folder to fill.")
@click.option("--half", type=click.Choice(["held-out", "tuning"]), default="tuning")
@click.option("--human", type=click.Path(path_type=Path, exists=True, file_okay=False))
@_MORE
@click.option("--freeze", "freezes", is_flag=True, hidden=True)
def corpus(*, to: Path, half: str, more: int, human: Path | None, freezes: bool) -> None:
    """Write the labelled turns as WAV files, with a labels.json that says what is true of each.

    \b
    Example: ivrctl bench corpus --to var/turns
    """
    from ivr.cli.bench_latency import write_corpus

    write_corpus(to, half=half, more=more, human=human, freezes=freezes)


@bench.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document, nothing else.")
@click.option("--calls", type=click.IntRange(1, 4000), default=400, show_default=True)
@click.option("--seconds", type=click.FloatRange(1, 18), default=15.0, show_default=True)
@click.option("--rounds", type=click.IntRange(1, 20), default=1, show_default=True)
@click.option("--talking", is_flag=True, help="Callers speak; otherwise they are silent.")
def media(*, as_json: bool, calls: int, seconds: float, rounds: int, talking: bool) -> None:
    """CPU, memory and pace of one worker under many calls, beside a bare echo server.

    Starts both, and a raw generator of calls over AudioSocket. Takes about a minute a round.

    \b
    Example: ivrctl bench media --calls 400 --json
             ivrctl bench media --calls 50 --talking
    """
    from ivr.cli.bench_media import run_media

    run_media(as_json=as_json, calls=calls, seconds=seconds, rounds=rounds, talking=talking)


@bench.command()
@click.option("--svg", type=click.Path(path_type=Path), help="Draw them into this file.")
@click.option("--half", type=click.Choice(["held-out", "tuning"]), default="held-out")
@click.option("--human", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--every", default=1, show_default=True, help="Play only each so many-th turn.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, nothing else.")
def strategies(
    *, svg: Path | None, half: str, human: Path | None, every: int, as_json: bool
) -> None:
    """Compare ways to tell the end of a turn: gap against cut-offs.

    In memory, in time that passes when the engines are done: what they take is left out.

    \b
    Example: ivrctl bench strategies --svg docs/turn-taking.svg
    """
    from ivr.cli.bench_strategies import run_strategies

    run_strategies(svg=svg, half=half, human=human, every=every, as_json=as_json)
