from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ivr.conversation.message import FIRST_WORDS_MS, MessageTaking, Over


def taken(steps: str, *, longest_ms: float = 10_000, silence_ms: float = 2000) -> MessageTaking:
    """s: a second of speech, -: a second without, k: a key, .: a second without frames."""
    message = MessageTaking(0.0, longest_ms, silence_ms)
    now = 0.0
    for step in steps:
        if step == "k":
            message.key()
            continue
        for _ in range(50):
            now += 20
            if step == ".":
                message.tick(now)
            else:
                message.frame(speech=step == "s", frame_ms=20, now_ms=now)
    return message


def test_a_key_ends_it() -> None:
    assert taken("ssk").over is Over.KEY
    assert taken("k").over is Over.KEY
    assert not taken("k").words


def test_silence_ends_it() -> None:
    assert taken("s-").over is None
    assert taken("s-s-").over is None
    assert taken("s--").over is Over.SILENCE
    assert taken("s..").over is Over.SILENCE


def test_before_the_first_word_there_is_time_to_think() -> None:
    seconds = int(FIRST_WORDS_MS / 1000)
    assert taken("-" * (seconds - 1)).over is None
    assert taken("-" * (seconds - 1) + "s").over is None
    assert taken("-" * seconds).over is Over.SILENCE


def test_it_is_no_longer_than_it_may_be() -> None:
    assert taken("s" * 9).over is None
    assert taken("s" * 10).over is Over.LENGTH


@given(st.text("s-.k", max_size=30))
def test_it_is_decided_once(steps: str) -> None:
    for end in range(len(steps)):
        before, after = taken(steps[:end]).over, taken(steps[: end + 1]).over
        assert before is None or before is after
