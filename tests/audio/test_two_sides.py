from __future__ import annotations

from itertools import count

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ivr.audio.format import TELEPHONE
from ivr.audio.level import peak
from ivr.audio.tone import tone
from ivr.audio.two_sides import MOST_APART, TwoSides

SIZE = TELEPHONE.frame_bytes
SILENCE = TELEPHONE.silence


def frame(number: int) -> bytes:
    """A frame that is known by its number, from 1 on."""
    return number.to_bytes(2, "little") * TELEPHONE.frame_samples


def numbers(pcm: bytes) -> list[int]:
    """The numbers of frames; 0 for silence."""
    return [int.from_bytes(pcm[at : at + 2], "little") for at in range(0, len(pcm), SIZE)]


def play(steps: str) -> tuple[list[int], list[int]]:
    """Let frames come: l and r, h to hide, s to show, t to take what is complete."""
    sides, lefts, rights = TwoSides(TELEPHONE), count(1), count(1)
    taken: list[tuple[bytes, bytes]] = []
    for step in steps:
        match step:
            case "l":
                sides.left(frame(next(lefts)))
            case "r":
                sides.right(frame(next(rights)))
            case "h" | "s":
                sides.hidden = step == "h"
            case _:
                taken.append(sides.take())
    left, right = (b"".join(side) for side in zip(*taken, sides.rest(), strict=True))
    return numbers(left), numbers(right)


@given(st.text("lrt", max_size=400))
def test_nothing_is_lost_doubled_or_out_of_order(steps: str) -> None:
    left, right = play(steps)
    assert [number for number in left if number] == [*range(1, steps.count("l") + 1)]
    assert [number for number in right if number] == [*range(1, steps.count("r") + 1)]
    assert len(left) == len(right)


@given(st.text("lrt", max_size=400), st.text("lrt", max_size=100), st.text("lrt", max_size=400))
def test_nothing_that_came_hidden_is_there(before: str, hidden: str, after: str) -> None:
    left, right = play(f"{before}h{hidden}s{after}")
    for side, kind in ((left, "l"), (right, "r")):
        first = before.count(kind) + 1
        secret = range(first, first + hidden.count(kind))
        assert not set(secret) & set(side)
        told = before.count(kind) + after.count(kind)
        assert sum(number > 0 for number in side) == told


def test_jitter_tears_nothing_apart() -> None:
    left, right = play("r" * MOST_APART + "l" * MOST_APART + "rl" * 20)
    assert left == right == [*range(1, MOST_APART + 21)]


def test_what_is_said_after_a_gap_stands_where_it_was_said() -> None:
    left, right = play("rl" * 10 + "r" * 100 + "rl" * 50)
    assert right == [*range(1, 161)]
    assert left.index(11) in range(109, 112)
    assert left[left.index(11) :] == [*range(11, 61)]


def test_a_hidden_stretch_is_as_long_as_it_was() -> None:
    left, right = play("rl" * 10 + "h" + "rl" * 100 + "s" + "rl" * 10)
    assert left == right
    assert left[10:110] == [0] * 100


def test_a_tone_neither_clicks_nor_clips() -> None:
    sound = tone(1000, 300)
    assert sound.duration_ms == 300
    samples = sound.samples.astype(int)
    assert abs(samples[0]) < 100
    assert abs(samples[-1]) < 100
    assert 7900 <= peak(sound.pcm) <= 8000
    assert np.abs(np.diff(samples)).max() < 8000
