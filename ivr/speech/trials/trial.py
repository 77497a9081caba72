"""Recordings heard in every condition, by the recogniser that hears callers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from ivr.audio.format import TELEPHONE, Samples
from ivr.audio.resampling import resample
from ivr.audio.wav import read_wav
from ivr.speech.recognition.recogniser import Recogniser, Transcript
from ivr.speech.trials.conditions import under
from ivr.speech.trials.manifest import DIGITS, Recorded
from ivr.speech.trials.score import Score

_QUIET_MS = 300
"""Quiet before and after a recording, as the caller's pause round an answer."""

_QUIET_LEVEL = 8.0
"""Standard deviation of the line's own hiss in that quiet: digital silence is no line's."""

_CHUNK_MS = 100

AT_ONCE = 16
"""Recordings heard at a time: few enough to leave a core its rest."""

Scores = dict[str, dict[str, Score]]
"""By language, then by condition."""

Heard = Callable[[Recorded, str, str], None]
"""Told each recording, the condition, and what was heard."""


async def tried(
    recogniser: Recogniser,
    recordings: Sequence[Recorded],
    conditions: Iterable[str],
    *,
    narrow: bool = True,
    at_once: int = AT_ONCE,
    on_heard: Heard = lambda _recorded, _condition, _text: None,
) -> Scores:
    """Hear all recordings in all conditions, `at_once` of them at a time, each at the pace of a
    call, so that finals come as late as they do there.

    `narrow` listens as a flow does: for a recording's own phrases, and for digits where nothing
    else is said. The cost counted is that of this process: a recogniser elsewhere has its own.
    Raises RecognitionFailed, and WavError for a file that cannot be read.
    """
    scores: Scores = {}
    for condition in conditions:
        by_language: dict[str, list[tuple[int, Recorded]]] = {}
        for number, recorded in enumerate(recordings):
            by_language.setdefault(recorded.language, []).append((number, recorded))
        for language, these in by_language.items():
            score = scores.setdefault(language, {}).setdefault(condition, Score())
            callers = asyncio.Semaphore(at_once)

            async def one(
                number: int,
                recorded: Recorded,
                condition: str = condition,
                score: Score = score,
                callers: asyncio.Semaphore = callers,
            ) -> None:
                async with callers:
                    samples = under(condition, _on_the_phone(recorded, number), number)
                    phrases = recorded.phrases or (DIGITS if recorded.only_digits else None)
                    words, final_ms = await _hear(
                        recogniser, recorded.language, samples, phrases if narrow else None
                    )
                score.add(
                    recorded.words,
                    words.text.split(),
                    only_digits=recorded.only_digits,
                    seconds=len(samples) / TELEPHONE.rate,
                    final_ms=final_ms,
                )
                on_heard(recorded, condition, words.text)

            cpu = time.process_time()
            async with asyncio.TaskGroup() as group:
                for number, recorded in these:
                    group.create_task(one(number, recorded))
            score.cpu_s += time.process_time() - cpu
    return scores


async def _hear(
    recogniser: Recogniser, language: str, samples: Samples, phrases: Sequence[str] | None
) -> tuple[Transcript, float]:
    """Return the words, and the ms from the last sound until they were there."""
    utterance = recogniser.open(language, TELEPHONE, phrases=phrases)
    step = TELEPHONE.rate * _CHUNK_MS // 1000
    begun = time.monotonic()
    for at in range(0, len(samples), step):
        chunk = samples[at : at + step]
        await asyncio.sleep(begun + (at + len(chunk)) / TELEPHONE.rate - time.monotonic())
        utterance.feed(chunk.tobytes())
    ended = time.monotonic()
    words = await utterance.finish()
    return words, (time.monotonic() - ended) * 1000


def _on_the_phone(recorded: Recorded, seed: int) -> Samples:
    sound = resample(read_wav(recorded.file), TELEPHONE.rate).samples
    chance = np.random.default_rng(seed)
    quiet = TELEPHONE.rate * _QUIET_MS // 1000
    line = chance.normal(0.0, _QUIET_LEVEL, len(sound) + 2 * quiet)
    line[quiet : quiet + len(sound)] += sound
    return np.clip(np.round(line), -32768, 32767).astype(np.int16)
