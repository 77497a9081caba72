"""How well the voice detector does, as a table: `python -m tests.audio.vad_report`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ivr.audio.format import FRAME_MS
from ivr.audio.resampling import resample
from ivr.audio.vad import VoiceDetector
from tests.audio import sounds
from tests.audio.sounds import Wave

LEAD_S, TAIL_S = 2.5, 0.6
HEADING = "missed     | onset  5 50 95 %| hint              | offset            | early"


@dataclass(frozen=True, kw_only=True)
class Detection:
    """What was heard of one word, in ms; the errors are positive where we were late.

    `onset_ms` is when the first True came, `hint_ms` where the detector then said that the
    word began, `offset_ms` when True ended, each against the word's own windows.
    """

    found: bool
    onset_ms: float = 0.0
    hint_ms: float = 0.0
    offset_ms: float = 0.0
    false_before: bool = False


def decisions(wave: Wave, detector: VoiceDetector | None = None) -> list[bool]:
    """The detector's answer for each frame."""
    detector = detector or VoiceDetector()
    return [detector.feed(frame) for frame in sounds.frames(sounds.to_audio(wave))]


def detect(word: Wave, noise: Wave | None = None, snr_db: float = 15.0) -> Detection:
    """Let a detector hear one word, a second of the line before it."""
    line = sounds.padded(word, LEAD_S, TAIL_S)
    active = sounds.active_windows(line)
    if noise is not None:
        line = sounds.with_noise(line, noise, snr_db)
    began, ended = active[0] * 10.0, (active[-1] + 1) * 10.0
    detector = VoiceDetector()
    answers, hints = [], []
    for frame in sounds.frames(sounds.to_audio(line)):
        answers.append(detector.feed(frame))
        hints.append(detector.onset_ms)
    heard = np.flatnonzero(answers)
    inside = heard[(heard * FRAME_MS >= began - FRAME_MS) & (heard * FRAME_MS < ended)]
    if not inside.size:
        return Detection(found=False)
    first, last = int(inside[0]), int(heard[-1])
    return Detection(
        found=True,
        onset_ms=(first + 1) * FRAME_MS - began,
        hint_ms=(first + 1) * FRAME_MS - hints[first] - began,
        offset_ms=(last + 1) * FRAME_MS - ended,
        false_before=bool(heard[0] * FRAME_MS < began - FRAME_MS),
    )


def detect_all(
    words: Sequence[Wave], make: Callable[[float, float, int], Wave], snr_db: float
) -> list[Detection]:
    """Let a detector hear each word over a noise of its own."""
    return [
        detect(word, make(word.size / 8000 + LEAD_S + TAIL_S + 0.1, -30, seed), snr_db)
        for seed, word in enumerate(words)
    ]


def words_of(folder: str) -> list[Wave]:
    """The recordings of a folder of the shared material, at 8,000 Hz."""
    recordings = sounds.recorded(folder).values()
    return [sounds.wave_of(resample(audio, 8000)) for audio in recordings]


def false_speech_s_per_minute(noise: Wave, *, begins_at_s: float = 0.0) -> float:
    """Seconds of false alarm in a minute of `noise` that begins after so much silent line."""
    answers = decisions(np.concatenate((sounds.white(begins_at_s, -68.0, 9), noise)))
    return sum(answers) * FRAME_MS / 1000 / (noise.size / 8000 / 60)


def _row(name: str, found: Sequence[Detection]) -> str:
    heard = [one for one in found if one.found]
    columns = [f"{name:22}{len(found) - len(heard):4d}/{len(found):<5d}"]
    for values in (
        [one.onset_ms for one in heard],
        [one.hint_ms for one in heard],
        [one.offset_ms for one in heard],
    ):
        p5, p50, p95 = np.percentile(values, [5, 50, 95])
        columns.append(f"{p5:6.0f}{p50:6.0f}{p95:6.0f}")
    columns.append(f"{sum(one.false_before for one in heard):4d}")
    return " |".join(columns)


def main() -> None:
    """Print the tables."""
    for folder in ("fsdd-lucas", "real-en"):
        print(f"\n{folder:22}{HEADING}")
        words = words_of(folder)
        print(_row("clean", [detect(word) for word in words]))
        for name, make in sounds.NOISES.items():
            for snr in (20, 15, 10):
                print(_row(f"{name} {snr} dB", detect_all(words, make, snr)))
    print("\nfalse speech, s per minute: at once | beginning after 3 s")
    for name, make in sounds.NOISES.items():
        for level in (-60, -50, -40, -30, -20):
            noise = make(60.0, level, 5)
            print(
                f"{name:8}{level:4d} dBFS  {false_speech_s_per_minute(noise):6.2f}  "
                f"{false_speech_s_per_minute(noise, begins_at_s=3.0):6.2f}"
            )
    print("\nus per frame")
    for name, wave in {
        "digital silence": sounds.silence(20),
        "hiss at -60 dBFS": sounds.white(20, -60),
        "hiss at -30 dBFS": sounds.white(20, -30),
        "babble at -30 dBFS": sounds.babble(20, -30),
        "speech": np.concatenate(words_of("real-en")),
    }.items():
        line = list(sounds.frames(sounds.to_audio(wave)))
        detector = VoiceDetector()
        began = time.perf_counter()
        for frame in line:
            detector.feed(frame)
        print(f"{name:20}{(time.perf_counter() - began) / len(line) * 1e6:6.1f}")


if __name__ == "__main__":
    main()
