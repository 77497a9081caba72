"""Bad lines, made from a voice: measured as what they are, and said so once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from ivr.audio.format import FRAME_MS, TELEPHONE, AudioFormat
from ivr.audio.g711 import MU_LAW
from ivr.audio.vad import VoiceDetector
from ivr.conversation.line_meter import LineMeter
from ivr.dialogue.inputs import LineQuality
from ivr.dialogue.line import line_fault
from tests.conversation.spoken_call import SPEECH, Scene

SIZE = TELEPHONE.frame_bytes
Line = Iterator[tuple[float, bytes]]
"""Frames, and when they come, in ms."""


def voice(seconds: float = 8.0) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A voice with pauses, at -20 dBFS while it speaks, over the faint noise of a good line."""
    spoken = SPEECH.samples.astype(float)
    spoken *= 10 ** (-20 / 20) * 32768 / np.sqrt(np.mean(spoken[spoken != 0] ** 2))
    pause = np.zeros(TELEPHONE.rate // 2)
    whole = np.tile(np.concatenate([pause, spoken]), 20)[: int(seconds * TELEPHONE.rate)]
    return whole + np.random.default_rng(1).normal(0, 20, whole.size)


def cut(samples: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[bytes]:
    whole = np.clip(np.round(samples), -32768, 32767).astype("<i2").tobytes()
    # As it comes through a telephone line.
    coded = MU_LAW.decode(MU_LAW.encode(whole))
    return [coded[at : at + SIZE] for at in range(0, len(coded) - SIZE + 1, SIZE)]


def even(frames: list[bytes]) -> Line:
    return ((number * 20.0, frame) for number, frame in enumerate(frames))


def good() -> Line:
    return even(cut(voice()))


def faint() -> Line:
    return even(cut(voice() * 0.05))


def loud() -> Line:
    return even(cut(voice() * 20))


def noisy() -> Line:
    samples = voice()
    level = 10 ** ((-20 - 6) / 20) * 32768
    return even(cut(samples + np.random.default_rng(2).normal(0, level, samples.size)))


def losing(share: float, instead: bytes | None) -> Line:
    """Frames are lost at random: others come in their place, or none."""
    random = np.random.default_rng(3)
    for at, frame in good():
        if random.random() >= share:
            yield at, frame
        elif instead is not None:
            yield at, instead


def jittery() -> Line:
    """Late by up to 90 ms, in their order."""
    random, last = np.random.default_rng(4), 0.0
    for at, frame in good():
        last = max(last, at + random.uniform(0, 90))
        yield last, frame


def stalling() -> Line:
    """Nothing for 300 ms now and then, then all at once."""
    for at, frame in good():
        yield (at if at % 2000 >= 300 else at - at % 2000 + 300), frame


def pausing() -> Line:
    """A phone that sends nothing in the pauses of its caller."""
    silent = 0
    for at, frame in good():
        quiet = np.abs(np.frombuffer(frame, "<i2")).max() < 300
        silent = silent + 1 if quiet else 0
        if silent < 3:
            yield at, frame


def gated() -> Line:
    """A phone that sends digital silence in the pauses of its caller."""
    for at, frame in good():
        quiet = np.abs(np.frombuffer(frame, "<i2")).max() < 300
        yield at, TELEPHONE.silence if quiet else frame


def measured(line: Line) -> LineQuality:
    detector, meter = VoiceDetector(), LineMeter(TELEPHONE)
    for at, frame in line:
        speech = detector.feed(frame)
        if speech or meter.hears_speech:
            meter.feed(
                frame,
                speech=speech,
                level_dbfs=detector.level_dbfs,
                noise_dbfs=detector.noise_dbfs,
                now_ms=at,
            )
    return meter.quality()


@pytest.mark.parametrize("line", [good, jittery, stalling, pausing, gated])
def test_a_good_line_is_not_found_bad(line: Callable[[], Line]) -> None:
    quality = measured(line())
    assert line_fault(quality) == "", quality
    assert quality.level_dbfs is not None
    assert -24 < quality.level_dbfs < -16


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (faint, "line_faint"),
        (loud, "line_loud"),
        (noisy, "line_noisy"),
        (lambda: losing(0.12, None), "line_broken"),
        (lambda: losing(0.12, TELEPHONE.silence), "line_broken"),
        (lambda: losing(0.12, b"\xff" * SIZE), "line_broken"),
    ],
    ids=["faint", "loud", "noisy", "missing", "blank", "filled"],
)
def test_a_bad_line_is_known_for_what_it_is(line: Callable[[], Line], fault: str) -> None:
    quality = measured(line())
    assert line_fault(quality) == fault, quality


@pytest.mark.parametrize("share", [0.01, 0.2])
@pytest.mark.parametrize("instead", [None, TELEPHONE.silence])
def test_loss_is_measured(share: float, instead: bytes | None) -> None:
    quality = measured(losing(share, instead))
    assert quality.lost is not None
    assert 0.4 * share - 0.005 <= quality.lost <= 1.6 * share + 0.005


def test_nothing_is_said_of_a_line_before_enough_was_heard() -> None:
    assert measured(even(cut(voice(0.6)))) == LineQuality()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (good, None),
        (faint, "I can not get your words."),
        (loud, "You speak too loud."),
        (noisy, "It is too loud where you are."),
        (lambda: losing(0.12, TELEPHONE.silence), "The phone connection is bad, and I lose"),
    ],
    ids=["good", "faint", "loud", "noisy", "broken"],
)
async def test_the_caller_is_told_once(line: Callable[[], Line], told: str | None) -> None:
    scene = Scene()
    await scene.ring()
    await scene.hear_out()
    frames = [frame for _, frame in line()]
    for _ in range(2):
        for frame in frames[: 4000 // FRAME_MS]:
            await scene.hear_frame(frame)
        await scene.hear_out()
    said = [text for text in scene.heard() if text.startswith(("I can not", "You speak", "It is"))]
    said += [text for text in scene.heard() if text.startswith("The phone connection")]
    assert len(said) == (0 if told is None else 1), scene.heard()
    assert told is None or said[0].startswith(told)
    scene.call.caller_hangs_up()
    await scene.until_over()
    assert [event["fault"] for event in scene.events("line")][:1] == (
        [] if told is None else [line_fault(measured(line()))]
    )


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_a_lone_sample_at_the_ceiling_is_seen(rate: int) -> None:
    line = AudioFormat(rate=rate)
    samples = np.zeros(line.frame_samples, "<i2")
    samples[line.frame_samples // 2] = 32124
    frame = samples.tobytes()
    detector, meter = VoiceDetector(line), LineMeter(line)
    detector.feed(frame)
    for number in range(50):
        meter.feed(
            frame,
            speech=True,
            level_dbfs=detector.level_dbfs,
            noise_dbfs=-60.0,
            now_ms=number * 20.0,
        )
    assert meter.quality().clipped == pytest.approx(1 / line.frame_samples)
