"""What a recorded call shows of the bot's manners."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.audio.format import TELEPHONE
from ivr.benchmarks.turns.figures import Figures, Rate
from ivr.benchmarks.turns.judge import Outcome, follow, judge
from ivr.benchmarks.turns.line import Record
from ivr.benchmarks.turns.sound import Label, SoundingTurn
from ivr.benchmarks.turns.turn import Act, Kind, Piece, Speaker, Turn

SILENCE = TELEPHONE.silence
PROMPT = [np.full(160, 1000 + number, "<i2").tobytes() for number in range(100)]


def sounding(kind: Kind, spans: tuple[tuple[int, int], ...] | None, keys: str = "") -> SoundingTurn:
    turn = Turn(
        "t", kind, "sort", "5", (Piece(Act.SAY, "x"),), Speaker("", 150, 50), keys=keys
    )  # fmt: skip
    label = None if spans is None else Label(spans)
    return SoundingTurn(turn, np.zeros(8000, np.int16), label)


def bot(drawing: str, start_ms: float) -> Record:
    """What the phone heard from `start_ms` on: `#` is a frame of the bot, `.` one of silence."""
    heard = [
        (start_ms + 20 * place, PROMPT[0] if mark == "#" else SILENCE)
        for place, mark in enumerate(drawing)
    ]
    return Record(heard=heard, said_ms=1020.0)


# The caller sounds from 1,000 to 1,500 ms and from 1,800 to 2,000 ms.
TALK = sounding(Kind.OPEN, ((0, 4000), (6400, 8000)))


def test_the_gap_is_from_the_last_sample_to_the_first_audible_frame() -> None:
    outcome = judge(TALK, bot("." * 55 + "#####", 1000.0))
    assert outcome.gap_ms == 100.0
    assert (outcome.overlap_ms, outcome.early_ms, outcome.cut_off) == (0, 0, False)


def test_what_the_bot_says_into_a_pause_is_early_and_no_cut_off() -> None:
    outcome = judge(TALK, bot("." * 30 + "#" * 10 + "." * 20 + "#", 1000.0))
    assert outcome.early_ms == 200.0
    assert outcome.overlap_ms == 0.0
    assert outcome.gap_ms == 200.0


def test_a_bot_that_speaks_on_has_cut_the_caller_off() -> None:
    outcome = judge(TALK, bot("." * 35 + "#" * 40, 1000.0))
    assert outcome.overlap_ms == 200.0
    assert not outcome.cut_off
    assert judge(TALK, bot("#" * 60, 1400.0)).cut_off
    assert outcome.gap_ms is None


def test_the_gap_of_keys_is_from_the_last_key() -> None:
    record = bot("....##", 1000.0)
    record.keyed_ms = [100.0, 900.0, 1040.0]
    assert judge(sounding(Kind.KEYS, None, keys="12"), record).gap_ms == 40.0


def heard(*frames: bytes) -> Record:
    numbered = [(20.0 * place, frame) for place, frame in enumerate(frames)]
    return Record(heard=numbered, question_ms=0.0)


@pytest.mark.parametrize(
    ("frames", "paused_ms", "resumed"),
    [
        (PROMPT, None, True),
        ([*PROMPT[:10], *[SILENCE] * 20, *PROMPT[10:]], 200.0, True),
        ([*PROMPT[:50], *[SILENCE] * 20, *PROMPT[40:]], 1000.0, True),
        ([*PROMPT[:10], *[SILENCE] * 90], 200.0, False),
        ([*PROMPT[:10], *[SILENCE] * 9, *[b"\1\7" * 160] * 9], 200.0, False),
        ([*PROMPT[:10], SILENCE, *PROMPT[11:]], None, True),
    ],
)
def test_the_bot_is_followed_through_its_words(
    frames: list[bytes], paused_ms: float | None, resumed: bool
) -> None:
    found = follow(heard(*frames), PROMPT)
    assert (found.paused_ms, found.resumed) == (paused_ms, resumed)


def test_silence_within_the_words_is_no_pause() -> None:
    reference = [*PROMPT[:10], *[SILENCE] * 8, *PROMPT[10:]]
    found = follow(heard(*reference), reference)
    assert found.paused_ms is None
    assert found.resumed


def test_a_bot_that_stops_where_it_was_silent_anyway_is_found_out_by_its_next_words() -> None:
    reference = [*PROMPT[:10], *[SILENCE] * 20, *PROMPT[10:]]
    found = follow(heard(*reference[:25], *[b"\1\7" * 160] * 20), reference)
    assert (found.paused_ms, found.resumed, found.changed) == (None, False, True)


def test_figures_count_what_they_say() -> None:
    figures = Figures(
        (
            Outcome("a", Kind.CLOSED, "x", gap_ms=100),
            Outcome("b", Kind.OPEN, "x", gap_ms=300, overlap_ms=260),
            Outcome("c", Kind.NOISE, "y", paused=True, resumed=True),
            Outcome("d", Kind.BACKCHANNEL, "y", paused=True),
            Outcome("e", Kind.BARGE_IN, "z", stop_ms=150, paused=True),
        )
    )
    found = figures.as_json()
    assert found["closed"] == {"p50_ms": 100.0, "p95_ms": 100.0, "n": 1}
    assert found["barge_in"]["p50_ms"] == 150.0
    assert found["false_cutoff_rate"] == 0.5
    assert found["false_bargein_rate"] == 0.5
    assert found["paused_and_resumed_rate"] == 0.2
    assert found["missed_bargein_rate"] == 0.0


def test_wilson_s_interval_is_that_of_the_textbook() -> None:
    # Newcombe 1998, Statistics in Medicine 17:857, table I: 81 of 263 and 0 of 20.
    assert Rate(81, 263).bounds == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert Rate(0, 20).bounds == pytest.approx((0.0, 0.1611), abs=1e-4)


@given(st.integers(0, 500), st.integers(0, 500))
def test_an_interval_holds_its_share(count: int, more: int) -> None:
    rate = Rate(count, count + more)
    low, high = rate.bounds
    assert 0 <= low <= rate.share + 1e-9
    assert high <= 1
    assert rate.share <= high + 1e-9
