"""What `ivrctl bench latency` and `ivrctl bench corpus` do and show."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ivr.audio.format import Audio
from ivr.audio.wav import write_wav
from ivr.benchmarks.results import Cell, Machine, machine, save
from ivr.benchmarks.turns.calls import play
from ivr.benchmarks.turns.corpus import HELD_OUT, Corpus, freeze, sounding
from ivr.benchmarks.turns.figures import Figures, Rate
from ivr.benchmarks.turns.judge import Outcome
from ivr.benchmarks.turns.line import Line
from ivr.benchmarks.turns.sound import TurnSounds
from ivr.benchmarks.turns.turn import Kind
from ivr.benchmarks.turns.waterfalls import Stages, by_stage, last_of_each_call
from ivr.benchmarks.turns.worker import LOG, bench_worker
from ivr.cli.main import run_async
from ivr.phone.audiosocket import AudioSocketPhone
from ivr.settings import Settings, load_settings
from ivr.speech.recognition.models import models_for
from ivr.speech.synthesis.client import SynthesisClient
from ivr.speech.synthesis.supervised import SynthesisProcess
from ivr.telemetry.logs import configure_logging
from ivr.telephony.media_clock import MediaClock


def run_latency(
    *, as_json: bool, calls: int, half: str, more: int, human: Path | None, keep: Path | None
) -> None:
    """Play one half of the corpus to a worker, and print what came of it."""
    settings = load_settings().model_copy(update={"log_level": "error"})
    configure_logging(settings.log_level, "bench")
    where = machine()
    console = Console(stderr=True, highlight=False)
    with Progress(console=console, transient=True) as bar, tempfile.TemporaryDirectory() as folder:
        outcomes, stages = run_async(
            _measure(settings, Path(folder), half, more, human, calls, bar)
        )
    figures = Figures(outcomes)
    if keep is not None:
        keep.write_text(json.dumps([asdict(one) for one in outcomes], indent=1) + "\n")
    if as_json:
        click.echo(json.dumps(figures.as_json()))
    else:
        _show(figures)
    if half == HELD_OUT:
        with_humans = "" if human is None else " --human FOLDER"
        command = f"ivrctl bench latency{with_humans}"
        versions = recognition_version(settings)
        keep_result("turn-taking", figures, where, command, versions=versions)
        _keep_waterfall(outcomes, stages, where, command, versions)


def keep_result(
    name: str,
    figures: Figures,
    where: Machine,
    command: str,
    *,
    versions: Mapping[str, str],
    through: str = "",
) -> None:
    """Keep the figures for the page of benchmarks. `versions` of what was measured; `through`: the
    switch between."""
    rows: dict[str, dict[str, Cell]] = {}
    for kind in (Kind.CLOSED, Kind.OPEN, Kind.KEYS, Kind.BARGE_IN):
        found = figures.waits(kind)
        rows[f"{kind.value.replace('_', '-')}, ms"] = {
            "p50": found.percentile(50),
            "p95": found.percentile(95),
            "n": len(found.values),
        }
    for title, rate in _rates(figures).items():
        low, high = rate.bounds
        rows[title] = {
            "of 100": round(100 * rate.share, 1),
            "from": round(100 * low, 1),
            "to": round(100 * high, 1),
            "n": rate.of,
        }
    save(
        name,
        title="Turns: how soon, and how politely" + (f", through {through}" if through else ""),
        order=6 if through else 5,
        text="Each labelled turn of the held-out half is a call of its own: see "
        "[turn-taking.md](turn-taking.md). The answer's gap is from the caller's last sample (or "
        "the key) to the first audible frame of the answer, that of a barge-in from the caller's "
        "first sample to the bot's pause, both in what the phone sent and heard. Shares have their "
        "95 % Wilson interval.",
        command=command,
        rows=rows,
        where=where,
        versions=versions,
    )


def recognition_version(settings: Settings) -> dict[str, str]:
    """Which English model hears the callers: the first of the SHA-256 over its files."""
    folder = models_for(settings, settings.recognition_models)["en"]
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(path.read_bytes())
    return {folder.name: digest.hexdigest()[:8]}


def _keep_waterfall(
    outcomes: tuple[Outcome, ...],
    stages: Mapping[str, Stages],
    where: Machine,
    command: str,
    versions: Mapping[str, str],
) -> None:
    save(
        "turn-taking-waterfall",
        title="Turns: where the time goes",
        order=5,
        text="The same run, ms: what each stage took between the caller's last sound (or the key's "
        "release) and the answer's first, as the worker logs it: `ivr/conversation/waterfall.py`. "
        '"On the line" is the rest, until the phone had the first audible frame. Percentiles of '
        "stages do not add up to that of the whole; the mean over the slowest twentieth of each "
        "kind does.",
        command=command,
        rows=by_stage(outcomes, stages),
        where=where,
        versions=versions,
    )


async def _measure(
    settings: Settings,
    folder: Path,
    half: str,
    more: int,
    human: Path | None,
    calls: int,
    bar: Progress,
) -> tuple[tuple[Outcome, ...], Mapping[str, Stages]]:
    corpus = await _corpus(half, more, human, bar)
    call_of: dict[str, str] = {}
    async with bench_worker(settings, folder) as served:
        outcomes = await _played(corpus, served, calls, bar, call_of)
    with (folder / LOG).open(encoding="utf-8") as log:
        stages = last_of_each_call(log)
    return outcomes, {turn: stages[call] for turn, call in call_of.items() if call in stages}


def write_corpus(to: Path, *, half: str, more: int, human: Path | None, freezes: bool) -> None:
    """Write a half as WAV files with their labels; with `freezes`, first write down what it is."""
    with Progress(console=Console(stderr=True), transient=True) as bar:
        if freezes:
            freeze()
        corpus = run_async(_corpus(half, more, human, bar))
        task = bar.add_task("writing", total=len(corpus.turns))
        to.mkdir(parents=True, exist_ok=True)
        labels = []
        for each in corpus.turns:
            write_wav(to / f"{each.turn.id}.wav", Audio.from_samples(each.samples))
            truth = each.label
            labels.append(
                {
                    **asdict(each.turn),
                    "speech_start_ms": truth.start_ms if truth else None,
                    "speech_end_ms": truth.end_ms if truth else None,
                    "pauses_ms": truth.pauses_ms if truth else [],
                }
            )
            bar.advance(task)
    text = json.dumps(labels, indent=1, ensure_ascii=False)
    (to / "labels.json").write_text(text + "\n", encoding="utf-8")
    click.echo(f"{len(labels)} turns in {to}")


async def _corpus(half: str, more: int, human: Path | None, bar: Progress) -> Corpus:
    task = bar.add_task("speaking the corpus", total=None)
    async with _voices(human) as sounds:
        corpus = await sounding(half, sounds, human=human is not None, more=more)
    bar.remove_task(task)
    return corpus


async def _played(
    corpus: Corpus, settings: Settings, calls: int, bar: Progress, call_of: dict[str, str]
) -> tuple[Outcome, ...]:
    """Play the corpus; `call_of` is told which call was which turn's, by their ids."""
    clock = MediaClock()
    task = bar.add_task(f"{len(corpus.turns)} calls, {calls} at once", total=len(corpus.turns))

    def ring(line: Line) -> AudioSocketPhone:
        phone = AudioSocketPhone(
            settings.host, settings.audiosocket_port, handset=line, clock=clock
        )
        call_of[line.turn_id] = str(phone.call_id)
        return phone

    return await play(corpus.turns, ring, at_once=calls, told=lambda _: bar.advance(task))


@asynccontextmanager
async def _voices(human: Path | None) -> AsyncIterator[TurnSounds]:
    process = SynthesisProcess()
    await process.start()
    client = SynthesisClient(process.url, timeout_s=10.0)
    try:
        yield TurnSounds(client.synthesise, human)
    finally:
        await client.close()
        await process.stop()


def _rates(figures: Figures) -> dict[str, Rate]:
    return {
        "false cut-offs": figures.false_cutoffs,
        "false barge-ins, committed": figures.false_bargeins,
        "paused and resumed": figures.paused_and_resumed,
        "false starts, any sound": figures.false_starts,
        "barge-ins missed": figures.missed_bargeins,
        "not answered": figures.unanswered,
    }


def _show(figures: Figures) -> None:
    console = Console(highlight=False, width=110)
    waits = Table("", "p50", "p95", "n", title="ms, at the phone")
    for kind in (Kind.CLOSED, Kind.OPEN, Kind.KEYS, Kind.BARGE_IN):
        found = figures.waits(kind)
        waits.add_row(
            kind.value, str(found.percentile(50)), str(found.percentile(95)), str(len(found.values))
        )
    console.print(waits)
    rates = Table("", "share", "95 % interval", "of", title="how politely")
    for title, rate in _rates(figures).items():
        low, high = rate.bounds
        rates.add_row(title, f"{rate.share:.1%}", f"{low:.1%} to {high:.1%}", str(rate.of))
    console.print(rates)
    sorts = Table(
        "", "p50", "p95", "stop p50", "cut off", "started early", "paused", "committed", "n",
        title="by sort",
    )  # fmt: skip
    for sort, of in figures.by_sort().items():
        kind = of.outcomes[0].kind
        gap = of.waits(kind if kind is not Kind.BARGE_IN else Kind.CLOSED)
        stops = sorted(each.stop_ms for each in of.outcomes if each.stop_ms is not None)
        sorts.add_row(
            sort,
            str(gap.percentile(50) or ""),
            str(gap.percentile(95) or ""),
            f"{stops[len(stops) // 2]:.0f}" if stops else "",
            str(of.false_cutoffs.count),
            str(of.false_starts.count),
            str(sum(each.paused for each in of.outcomes)),
            str(sum(each.committed for each in of.outcomes)),
            str(len(of.outcomes)),
        )
    console.print(sorts)
