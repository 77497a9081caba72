from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import numpy as np
import pytest

from ivr.audio.format import TELEPHONE, Audio, AudioFormat
from ivr.phone.handset import CallOver, Handset, place

FRAME = TELEPHONE.frame_bytes


def tone(frames: int, level: int = 3000) -> bytes:
    """Frames of sound, each different from all others."""
    pcm = np.full(frames * TELEPHONE.frame_samples, level, dtype=np.int16)
    pcm[:: TELEPHONE.frame_samples] = np.arange(frames) + 1
    return pcm.tobytes()


def numbered(number: int) -> bytes:
    return np.full(TELEPHONE.frame_samples, number, dtype=np.int16).tobytes()


class HandClock:
    def __init__(self) -> None:
        self.ms = 0.0

    def monotonic(self) -> float:
        return self.ms / 1000

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)


class Line:
    """A handset driven by hand, 20 ms at a time."""

    def __init__(self, **options: float | None) -> None:
        self.clock = HandClock()
        self.handset = Handset(
            TELEPHONE, self.clock, comfort_noise_dbov=options.get("comfort_noise_dbov")
        )
        self.sent = b""

    def pass_frames(self, count: int, bot: bytes | None = TELEPHONE.silence) -> None:
        for _ in range(count):
            self.clock.ms += 20
            if bot is not None:
                self.handset.hear(bot)
            self.sent += self.handset.tick()


async def until_waiting() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def test_speech_leaves_frame_by_frame_and_silence_around_it() -> None:
    line = Line()
    speech = tone(3)
    line.pass_frames(2)
    line.handset.speak(Audio(speech))
    assert line.handset.is_speaking
    line.pass_frames(5)
    assert line.sent == bytes(2 * FRAME) + speech + bytes(2 * FRAME)
    assert not line.handset.is_speaking


def test_the_last_frame_of_speech_is_filled_up_with_silence() -> None:
    line = Line()
    line.handset.speak(Audio(tone(1) + b"\x10\x10"))
    line.pass_frames(3)
    assert line.sent == tone(1) + b"\x10\x10" + bytes(2 * FRAME - 2)


def test_another_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="16000 Hz"):
        Handset().speak(Audio(bytes(640), AudioFormat(16000)))


def test_comfort_noise_has_the_level_that_was_asked_for() -> None:
    line = Line(comfort_noise_dbov=-50.0)
    line.pass_frames(100)
    samples = np.frombuffer(line.sent, dtype="<i2").astype(float)
    level = 20 * np.log10(np.sqrt(np.mean(samples**2)) / 32768)
    assert level == pytest.approx(-50.0, abs=0.5)


def test_the_gap_runs_from_the_last_audible_frame_to_the_first_sound_of_the_bot() -> None:
    line = Line()
    line.handset.speak(Audio(tone(10) + bytes(5 * FRAME)))
    line.pass_frames(10)
    assert line.handset.caller_fell_silent_ms == 200
    assert line.handset.last_gap_ms is None
    line.pass_frames(19)
    assert line.handset.last_gap_ms is None
    line.pass_frames(1, tone(1))
    assert line.handset.last_gap_ms == 400
    line.pass_frames(30, tone(1))
    assert line.handset.last_gap_ms == 400


def test_a_bot_that_is_interrupted_has_not_answered_until_it_speaks_anew() -> None:
    line = Line()
    line.pass_frames(20, tone(1))
    line.handset.speak(Audio(tone(10)))
    line.pass_frames(8, tone(1))
    line.pass_frames(2)
    line.pass_frames(2, tone(1))
    assert line.handset.last_gap_ms is None
    line.pass_frames(20)
    line.pass_frames(1, tone(1))
    assert line.handset.last_gap_ms == 23 * 20


def test_gaps_are_measured_from_a_key_too() -> None:
    line = Line()
    line.pass_frames(10)
    line.handset.key_pressed()
    line.pass_frames(4)
    line.pass_frames(1, tone(1))
    assert line.handset.last_gap_ms == 100


def test_line_noise_is_no_sound_of_the_bot() -> None:
    line = Line()
    line.pass_frames(20, numbered(8))
    assert not line.handset.bot_is_speaking
    assert line.handset.quiet_ms == 400


def test_arrival_gaps_are_noted() -> None:
    line = Line()
    line.pass_frames(2)
    line.pass_frames(4, None)
    line.pass_frames(1)
    assert line.handset.arrival_gaps_ms == pytest.approx([20, 100])


async def test_waiting_for_sound_and_then_for_quiet() -> None:
    line = Line()
    sound = asyncio.create_task(line.handset.heard_sound(5))
    line.pass_frames(5)
    await until_waiting()
    assert not sound.done()
    line.pass_frames(1, tone(1))
    await sound
    quiet = asyncio.create_task(line.handset.heard_quiet(300, 5))
    for _ in range(14):
        line.pass_frames(1)
        await until_waiting()
        assert not quiet.done()
    line.pass_frames(1)
    await quiet


async def test_quiet_begins_anew_with_each_sound() -> None:
    line = Line()
    quiet = asyncio.create_task(line.handset.heard_quiet(300, 5))
    line.pass_frames(14)
    line.pass_frames(1, tone(1))
    line.pass_frames(14)
    await until_waiting()
    assert not quiet.done()
    line.pass_frames(1)
    await quiet


async def test_spoken_waits_for_the_last_frame() -> None:
    line = Line()
    line.handset.speak(Audio(tone(3)))
    spoken = asyncio.create_task(line.handset.spoken())
    line.pass_frames(2)
    await until_waiting()
    assert not spoken.done()
    line.pass_frames(1)
    await spoken


async def test_two_may_wait_and_one_may_give_up() -> None:
    line = Line()
    first = asyncio.create_task(line.handset.heard_sound(5))
    second = asyncio.create_task(line.handset.heard_sound(5))
    await until_waiting()
    first.cancel()
    await until_waiting()
    line.pass_frames(1, tone(1))
    await second
    assert first.cancelled()


async def test_waiting_has_an_end() -> None:
    with pytest.raises(TimeoutError):
        await Line().handset.heard_sound(0.01)


async def test_the_end_of_the_call_ends_every_wait() -> None:
    line = Line()
    line.handset.speak(Audio(tone(3)))
    sound = asyncio.create_task(line.handset.heard_sound(5))
    spoken = asyncio.create_task(line.handset.spoken())
    quiet = asyncio.create_task(line.handset.heard_quiet(700, 5))
    await until_waiting()
    line.handset.end()
    await quiet
    for waiting in (sound, spoken):
        with pytest.raises(CallOver):
            await waiting
    assert not line.handset.is_speaking


def test_the_record_holds_each_side_in_its_place() -> None:
    line = Line()
    line.pass_frames(2)
    line.handset.speak(Audio(tone(3)))
    line.pass_frames(4)
    for number in (1001, 1002, 1003):
        line.pass_frames(1, numbered(number))
    caller, bot = line.handset.record()
    assert caller.pcm == line.sent
    assert len(line.sent) == 9 * FRAME
    assert bot.pcm == bytes(6 * FRAME) + b"".join(numbered(number) for number in (1001, 1002, 1003))


def test_frames_that_came_in_one_heap_are_neither_lost_nor_doubled_nor_torn_apart() -> None:
    line = Line()
    line.pass_frames(3)
    line.pass_frames(9, None)
    for number in range(1, 11):
        line.handset.hear(numbered(number * 100))
    line.pass_frames(1, numbered(1100))
    heard = line.handset.record()[1].samples[:: TELEPHONE.frame_samples].tolist()
    assert heard == [0, 0, *range(0, 1101, 100)]


def test_a_hole_in_what_arrived_is_silence_in_the_record() -> None:
    line = Line()
    line.pass_frames(5, numbered(500))
    line.pass_frames(10, None)
    line.pass_frames(5, numbered(700))
    heard = line.handset.record()[1].samples[:: TELEPHONE.frame_samples].tolist()
    assert heard == [500] * 5 + [0] * 10 + [700] * 5


def test_a_record_of_nothing_is_empty() -> None:
    assert Handset().record() == (Audio(b""), Audio(b""))


def test_jitter_makes_no_hole() -> None:
    rng = np.random.default_rng(1)
    times = np.arange(500) * 20.0 + rng.uniform(0, 19, 500)
    assert place(times.tolist(), 0.0, 20.0) == list(range(500))


def test_a_burst_cannot_reach_far_into_the_past() -> None:
    slots = place([10_000.0] * 100, 0.0, 20.0)
    assert slots == list(range(475, 575))
