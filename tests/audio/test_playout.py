"""The playout queue and its schedule, against their rules."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ivr.audio.format import TELEPHONE, Audio, AudioFormat
from ivr.audio.playout import CATCH_UP_MS, FrameSchedule, PlayoutQueue

FRAME = TELEPHONE.frame_bytes
SILENCE = TELEPHONE.silence


def sound(samples: int, first: int = 1) -> Audio:
    """Samples that all differ from silence and tell where they come from."""
    return Audio(b"".join((first + n).to_bytes(2, "little") for n in range(samples)))


def queue_of(*sounds: Audio) -> PlayoutQueue:
    queue = PlayoutQueue(TELEPHONE)
    for mark, audio in enumerate(sounds):
        queue.push(audio, mark)
    return queue


def test_an_empty_queue_gives_silence() -> None:
    frame = queue_of().next_frame()
    assert (frame.pcm, frame.marks, frame.carries_sound) == (SILENCE, (), False)


def test_a_sound_of_whole_frames_ends_with_its_last_frame() -> None:
    audio = sound(320)
    queue = queue_of(audio)
    first, last, after = (queue.next_frame() for _ in range(3))
    assert first.pcm + last.pcm == audio.pcm
    assert (first.marks, last.marks, after.marks) == ((), (0,), ())
    assert (first.carries_sound, last.carries_sound, after.carries_sound) == (True, True, False)


def test_a_tail_with_nothing_behind_it_is_padded_with_silence() -> None:
    audio = sound(200)
    queue = queue_of(audio)
    assert queue.next_frame().pcm == audio.pcm[:FRAME]
    tail = queue.next_frame()
    assert tail.pcm == audio.pcm[FRAME:] + bytes(2 * FRAME - len(audio.pcm))
    assert tail.marks == (0,)
    assert tail.carries_sound


def test_clauses_join_without_a_gap_or_a_step() -> None:
    whole = sound(500)
    queue = queue_of(Audio(whole.pcm[:410]), Audio(whole.pcm[410:]))
    frames = [queue.next_frame() for _ in range(4)]
    assert b"".join(frame.pcm for frame in frames) == whole.pcm + bytes(4 * FRAME - 1000)
    assert [frame.marks for frame in frames] == [(), (0,), (), (1,)]


def test_many_short_sounds_leave_in_one_frame_with_all_their_marks() -> None:
    queue = queue_of(sound(10, 1), sound(20, 11), sound(30, 31))
    frame = queue.next_frame()
    assert frame.pcm == sound(60).pcm + bytes(FRAME - 120)
    assert frame.marks == (0, 1, 2)


def test_the_mark_of_an_empty_sound_leaves_with_the_sample_before_it() -> None:
    queue = queue_of(sound(160), Audio(b""), sound(160))
    assert queue.next_frame().marks == (0, 1)
    assert queue.next_frame().marks == (2,)
    alone = queue_of(Audio(b"")).next_frame()
    assert (alone.pcm, alone.marks, alone.carries_sound) == (SILENCE, (0,), False)


def test_what_comes_too_late_for_a_frame_begins_with_the_next() -> None:
    queue = queue_of(sound(10))
    assert queue.next_frame().marks == (0,)
    queue.push(sound(160), 7)
    assert queue.next_frame().pcm == sound(160).pcm


def test_clearing_drops_the_rest_and_its_marks_at_once() -> None:
    queue = queue_of(sound(400), sound(80))
    queue.next_frame()
    assert queue.pending_ms == 40
    assert queue.clear() == 40
    assert queue.pending_ms == 0
    assert queue.next_frame() == queue_of().next_frame()
    assert queue.clear() == 0
    queue.push(sound(160), 9)
    frame = queue.next_frame()
    assert (frame.pcm, frame.marks) == (sound(160).pcm, (9,))


def test_a_pause_holds_the_sound_and_loses_none_of_it() -> None:
    queue = queue_of(sound(320))
    first = queue.next_frame()
    queue.pause()
    assert queue.paused
    held = queue.next_frame()
    assert (held.pcm, held.marks, held.carries_sound) == (SILENCE, (), False)
    assert queue.pending_ms == 20
    queue.resume()
    assert first.pcm + queue.next_frame().pcm == sound(320).pcm


def test_clearing_ends_a_pause_so_that_the_call_is_not_silent_for_ever() -> None:
    queue = queue_of(sound(320))
    queue.pause()
    queue.clear()
    queue.push(sound(160), 1)
    assert queue.next_frame().carries_sound


def test_sound_at_another_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="16000 Hz for a line at 8000 Hz"):
        PlayoutQueue(TELEPHONE).push(Audio(b"", AudioFormat(16000)), 1)


class Playout(RuleBasedStateMachine):
    """Anything pushed, taken, cleared and paused in any order, beside a list of bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = PlayoutQueue(TELEPHONE)
        self.waiting = b""
        self.ends: list[tuple[int, int]] = []
        self.taken = 0
        self.pushed = 0
        self.paused = False

    @rule(samples=st.one_of(st.integers(0, 700), st.sampled_from([0, 1, 159, 160, 161, 320])))
    def push(self, samples: int) -> None:
        numbers = np.arange(self.pushed, self.pushed + samples) % 60000 + 1
        pcm = numbers.astype("<u2").tobytes()
        self.pushed += samples
        self.queue.push(Audio(pcm), self.pushed)
        self.waiting += pcm
        self.ends.append((self.taken + len(self.waiting), self.pushed))

    @rule()
    def take(self) -> None:
        frame = self.queue.next_frame()
        assert len(frame.pcm) == FRAME
        expected = b"" if self.paused else self.waiting[:FRAME]
        assert frame.pcm == expected.ljust(FRAME, b"\0")
        assert frame.carries_sound == bool(expected)
        self.waiting = self.waiting[len(expected) :]
        self.taken += len(expected)
        ended = [] if self.paused else [one for one in self.ends if one[0] <= self.taken]
        assert frame.marks == tuple(mark for _, mark in ended)
        self.ends = self.ends[len(ended) :]

    @rule()
    def clear(self) -> None:
        assert self.queue.clear() == len(self.waiting) / 16
        self.taken += len(self.waiting)
        self.waiting, self.ends, self.paused = b"", [], False

    @rule()
    def pause(self) -> None:
        self.queue.pause()
        self.paused = True

    @precondition(lambda self: self.paused)
    @rule()
    def resume(self) -> None:
        self.queue.resume()
        self.paused = False

    @invariant()
    def pending_is_what_has_not_left(self) -> None:
        assert self.queue.pending_ms == len(self.waiting) / 16


TestPlayout = Playout.TestCase


def test_a_frame_costs_next_to_nothing() -> None:
    queue = queue_of(Audio(bytes(FRAME * 20_000)))
    began = time.process_time()
    for _ in range(20_000):
        queue.next_frame()
    # 400 calls at 50 frames/s: at 10 us it would be a fifth of a core. Measured: 0.4 us.
    assert (time.process_time() - began) / 20_000 < 10e-6


def test_one_frame_is_due_at_once_and_then_one_each_20_ms() -> None:
    schedule = FrameSchedule(TELEPHONE, 100.0)
    assert schedule.next_at == 100.0
    assert schedule.due(100.0) == 1
    assert schedule.due(100.010) == 0
    assert schedule.next_at == pytest.approx(100.020)
    assert schedule.due(100.020) == 1


def test_late_timers_do_not_add_up() -> None:
    schedule = FrameSchedule(TELEPHONE, 0.0)
    sent = sum(schedule.due(n * 0.020 + 0.007) for n in range(50 * 60))
    assert sent == 50 * 60
    assert schedule.next_at == pytest.approx(60.0)


def test_a_timer_that_fires_a_ms_too_early_still_sends() -> None:
    schedule = FrameSchedule(TELEPHONE, 0.0)
    assert schedule.due(0.0) == 1
    assert schedule.due(0.0195) == 1
    assert schedule.due(0.0205) == 0


def test_a_short_stall_is_made_up_for() -> None:
    schedule = FrameSchedule(TELEPHONE, 0.0)
    schedule.due(0.0)
    assert schedule.due(0.020 + CATCH_UP_MS / 1000) == 1 + CATCH_UP_MS // 20
    assert schedule.given_up == 0
    assert schedule.next_at == pytest.approx(0.1)


def test_a_long_stall_is_no_burst_at_the_phone() -> None:
    schedule = FrameSchedule(TELEPHONE, 0.0)
    schedule.due(0.0)
    assert schedule.due(3.0) == 1
    assert schedule.given_up == 149
    assert schedule.due(3.010) == 0
    assert schedule.due(3.020) == 1


@given(st.lists(st.floats(0, 0.5), max_size=200))
def test_never_a_burst_never_a_drift(waits: list[float]) -> None:
    schedule = FrameSchedule(TELEPHONE, 50.0)
    most = 1 + CATCH_UP_MS // 20
    for now in _moments(50.0, waits):
        sent = schedule.due(now)
        assert 0 <= sent <= most
        assert now < schedule.next_at <= now + 0.0211
        assert schedule.due(now) == 0


@given(st.lists(st.floats(0, 0.079), max_size=200))
def test_stalls_within_the_limit_lose_nothing(waits: list[float]) -> None:
    schedule = FrameSchedule(TELEPHONE, 50.0)
    sent, now = 0, 50.0
    for now in _moments(50.0, waits):
        sent += schedule.due(now)
    assert schedule.given_up == 0
    assert abs(sent - ((now - 50.0) / 0.020 + 1)) <= 1.06


def _moments(start: float, waits: list[float]) -> Iterator[float]:
    now = start
    yield now
    for wait in waits:
        now += wait
        yield now
