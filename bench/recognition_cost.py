"""What it saves to recognise only while somebody speaks, and what it costs in words.

    python -m bench.recognition_cost

One long call is made of labelled turns (the half held out for reports) with so much of the line's
noise between them that callers speak for a quarter of the time. It is heard twice, as fast as it
can be decoded: by `Ears`, which open the recogniser with the voice detector and close it at the
look that ends a turn, and by a recogniser that is fed every frame, cut at the same turns' ends.
Model, hypotheses (open and, for digits, narrowed), detector and turn rules are the same. What
detector and rules take is told apart from what recognition takes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import click
import numpy as np
import uvloop
from rich.progress import Progress

from ivr.audio.format import TELEPHONE
from ivr.audio.vad import VoiceDetector
from ivr.benchmarks.results import machine, save
from ivr.benchmarks.turns.corpus import HELD_OUT, TUNING, planned
from ivr.benchmarks.turns.sound import SoundingTurn, TurnSounds
from ivr.benchmarks.turns.turn import Kind
from ivr.conversation.ears import Ears
from ivr.conversation.endpointing import Look
from ivr.conversation.hypotheses import choose
from ivr.conversation.turns import (
    SpeechBegan,
    SpeechDropped,
    SpeechEnded,
    SpeechPaused,
    TurnEvent,
    TurnTaker,
)
from ivr.dialogue.actions import Expectation
from ivr.languages.known import language
from ivr.settings import Settings
from ivr.speech.recognition.models import models_for
from ivr.speech.recognition.vosk import VoskRecogniser
from ivr.speech.synthesis.client import SynthesisClient
from ivr.speech.synthesis.supervised import SynthesisProcess
from ivr.speech.trials.score import word_errors

SPEECH_SHARE = 0.25
_NOISE_DBFS = -60.0
_DIGITS = tuple(language("en").digits)


@dataclass
class Heard:
    """What one way of listening came to."""

    cpu_s: float = 0.0
    recognition_cpu_s: float = 0.0
    """Of this, the recogniser's threads."""
    said: dict[int, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    """One caller's turn and the noise after it, as frames."""

    frames: list[bytes]
    text: str
    phrases: tuple[str, ...] | None


async def lines(half: str) -> tuple[list[Line], float]:
    """Every turn of words of this half, and the share of speech in all of them together."""
    process = SynthesisProcess()
    await process.start()
    client = SynthesisClient(process.url, timeout_s=10.0)
    try:
        sounds = TurnSounds(client.synthesise, None)
        wanted = [turn for turn in planned(half, human=False) if _is_words(turn.kind)]
        turns = [await sounds.of(turn) for turn in wanted]
    finally:
        await client.close()
        await process.stop()
    draw = np.random.default_rng(0)
    made = [_line(turn, draw) for turn in turns if turn.label is not None]
    speech = sum(_speech_samples(turn) for turn in turns if turn.label is not None)
    samples = sum(len(line.frames) for line in made) * TELEPHONE.frame_samples
    return made, speech / samples


def _is_words(kind: Kind) -> bool:
    return kind in (Kind.CLOSED, Kind.OPEN)


def _speech_samples(turn: SoundingTurn) -> int:
    assert turn.label is not None
    return sum(end - start for start, end in turn.label.spans)


def _line(turn: SoundingTurn, draw: np.random.Generator) -> Line:
    level = 32768 * 10 ** (_NOISE_DBFS / 20)
    length = round(_speech_samples(turn) / SPEECH_SHARE)
    # Room before and behind, also where pauses within the turn take much of it.
    length = max(length, len(turn.samples) + 2 * TELEPHONE.rate)
    length -= length % TELEPHONE.frame_samples
    sound = draw.normal(0, level, length)
    before = TELEPHONE.rate
    sound[before : before + len(turn.samples)] += turn.samples
    pcm = sound.clip(-32768, 32767).astype("<i2").tobytes()
    size = TELEPHONE.frame_bytes
    text = " ".join(piece.text for piece in turn.turn.pieces if piece.text)
    digits = turn.turn.sort.endswith("digits")
    return Line(
        [pcm[at : at + size] for at in range(0, len(pcm), size)],
        "".join(char for char in text.lower() if char.isalnum() or char in " '"),
        _DIGITS if digits else None,
    )


def _turns(phrases: tuple[str, ...] | None) -> TurnTaker:
    turns = TurnTaker()
    turns.listen(Expectation(phrases=phrases), 0.0)
    return turns


async def with_ears(
    recogniser: VoskRecogniser, wanted: list[Line], step: Callable[[], None]
) -> Heard:
    """As a conversation listens."""
    heard = Heard()
    ears = Ears(recogniser, TELEPHONE)
    began = _Spent()
    for number, line in enumerate(wanted):
        turns, now = _turns(line.phrases), 0.0
        said = heard.said[number] = []
        for frame in line.frames:
            now += TELEPHONE.ptime_ms
            speech = ears.hear(frame)
            happened = turns.frame(
                speech, now, began_ms_ago=ears.began_ms_ago, stirs=not speech and ears.stirs
            )
            while happened:
                event, *happened = happened
                if isinstance(event, SpeechBegan):
                    ears.open("en", line.phrases, now - event.onset_ms)
                elif isinstance(event, SpeechDropped):
                    ears.abandon()
                elif isinstance(event, SpeechPaused):
                    happened += await _looked(ears, turns, now)
                elif isinstance(event, SpeechEnded):
                    said.append((await ears.finish()).text)
        ears.abandon()
        step()
    heard.cpu_s, heard.recognition_cpu_s = began.since()
    return heard


async def _looked(ears: Ears, turns: TurnTaker, now: float) -> list[TurnEvent]:
    words = await ears.peek()
    return [] if words is None else turns.looked(Look(words.text, words.confidence), now)


async def always_on(
    recogniser: VoskRecogniser,
    wanted: list[Line],
    step: Callable[[], None],
) -> Heard:
    """The same, but that the recogniser hears everything."""
    heard = Heard()
    detector = VoiceDetector()
    began = _Spent()
    for number, line in enumerate(wanted):
        turns, now = _turns(line.phrases), 0.0
        said = heard.said[number] = []
        kinds: list[tuple[str, ...] | None] = [None]
        if line.phrases is not None:
            kinds.insert(0, line.phrases)

        def listen(kinds: list[tuple[str, ...] | None] = kinds) -> list[object]:
            return [recogniser.open("en", TELEPHONE, phrases=each) for each in kinds]

        live = listen()
        waiting: list[bytes] = []
        for frame in line.frames:
            now += TELEPHONE.ptime_ms
            waiting.append(frame)
            if len(waiting) == 5:
                for each in live:
                    each.feed(b"".join(waiting))  # type: ignore[attr-defined]
                waiting = []
            detector.feed(frame)
            for event in turns.frame(detector.sounding, now):
                if isinstance(event, SpeechEnded):
                    finals = [await each.finish() for each in live]  # type: ignore[attr-defined]
                    best = finals[0]
                    if line.phrases is not None:
                        best = choose(finals[0], finals[1], line.phrases)
                    said.append(best.text)
                    live = listen()
        for each in live:
            # What follows the last turn is heard to its end, as on a line that stays open.
            await each.finish()  # type: ignore[attr-defined]
        step()
    heard.cpu_s, heard.recognition_cpu_s = began.since()
    return heard


class _Spent:
    """Processor time from now on: in all, and of other threads than this one."""

    def __init__(self) -> None:
        self._all_s, self._here_s = time.process_time(), time.thread_time()

    def since(self) -> tuple[float, float]:
        all_s = time.process_time() - self._all_s
        return all_s, all_s - (time.thread_time() - self._here_s)


def _errors(heard: Heard, wanted: list[Line]) -> tuple[int, int]:
    """Word errors, and words."""
    errors = words = 0
    for number, line in enumerate(wanted):
        said = line.text.split()
        words += len(said)
        errors += word_errors(said, " ".join(heard.said[number]).split())
    return errors, words


async def measure() -> None:
    where = machine()
    wanted, share = await lines(HELD_OUT)
    others, _ = await lines(TUNING)
    seconds = sum(len(line.frames) for line in wanted) * TELEPHONE.ptime_ms / 1000
    recogniser = VoskRecogniser(models_for(Settings()), threads=1)
    recogniser.load()
    # A worker's recognisers have heard others before: see `WarmRecognizers`.
    await with_ears(recogniser, others, lambda: None)
    rows: dict[str, dict[str, int | float | str | None]] = {}
    alone: dict[str, float] = {}
    with Progress(transient=True) as bar:
        for name, way in (("while somebody speaks", with_ears), ("always on", always_on)):
            task = bar.add_task(name, total=len(wanted))
            heard = await way(recogniser, wanted, partial(bar.advance, task))
            errors, words = _errors(heard, wanted)
            alone[name] = heard.recognition_cpu_s * 1000 / seconds
            rows[name] = {
                "CPU, ms for a second of the call": round(heard.cpu_s * 1000 / seconds, 2),
                "of this, recognition": round(alone[name], 2),
                "word errors, %": round(100 * errors / words, 2),
                "words": words,
            }
    recogniser.close()
    ours, theirs = alone.values()
    rows["while somebody speaks"]["recognition, share of always on"] = round(ours / theirs, 3)
    for name, cells in rows.items():
        print(name, cells)
    save(
        "recognition-cost",
        title="Recognising only while somebody speaks",
        order=25,
        text=f"{len(wanted)} labelled turns of the held-out half in one call of {seconds:,.0f} s, "
        f"in which callers speak for {share:.0%} of the time, over noise at {_NOISE_DBFS:g} dBFS. "
        "The same model, hypotheses, voice detector and turn rules hear it with a recogniser that "
        "is open only while somebody speaks, and with one that hears every frame; both have heard "
        "the other half before.",
        command="python -m bench.recognition_cost",
        rows=rows,
        where=where,
    )


@click.command()
def main() -> None:
    """Print both, and keep them."""
    uvloop.run(measure())


if __name__ == "__main__":
    main()
