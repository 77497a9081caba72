"""What an agent does who is asked about a caller, without a line or a clock."""

from __future__ import annotations

import pytest

from ivr.conversation.consulting import Consulting, Outcome


def picked_up() -> Consulting:
    consulting = Consulting(ring_ms=20000, began_ms=0)
    assert consulting.picked_up()
    return consulting


@pytest.mark.parametrize(("key", "outcome"), [("1", Outcome.ACCEPTED), ("2", Outcome.DECLINED)])
def test_one_is_yes_and_two_is_no_also_into_the_question(key: str, outcome: Outcome) -> None:
    consulting = picked_up()
    assert not consulting.key(key)
    assert consulting.outcome is outcome


def test_another_key_puts_the_question_again() -> None:
    consulting = picked_up()
    assert consulting.key("5")
    assert consulting.outcome is None
    assert not consulting.key("1")
    assert consulting.outcome is Outcome.ACCEPTED


def test_who_says_nothing_is_asked_three_times_and_then_the_answer_is_no() -> None:
    consulting = picked_up()
    now, questions = 0.0, 1
    while consulting.outcome is None:
        consulting.heard(now)
        assert not consulting.tick(now + 4999)
        now += 5000
        questions += consulting.tick(now)
    assert (questions, now, consulting.outcome) == (3, 15000, Outcome.UNDECIDED)


def test_silence_is_counted_from_the_end_of_the_question() -> None:
    consulting = picked_up()
    assert not consulting.tick(60000)
    assert consulting.outcome is None


def test_a_key_before_they_picked_up_is_none() -> None:
    consulting = Consulting(ring_ms=20000, began_ms=0)
    assert not consulting.key("1")
    assert consulting.outcome is None


def test_nobody_picks_up_and_the_switch_does_not_say_so() -> None:
    consulting = Consulting(ring_ms=20000, began_ms=1000)
    assert not consulting.tick(23999)
    assert consulting.outcome is None
    consulting.tick(24000)
    assert consulting.outcome is Outcome.UNANSWERED


def test_what_happened_first_decides() -> None:
    accepted = picked_up()
    accepted.key("1")
    accepted.left()
    accepted.key("2")
    assert accepted.outcome is Outcome.ACCEPTED
    gone = picked_up()
    gone.left()
    assert not gone.key("1")
    assert not gone.picked_up()
    assert gone.outcome is Outcome.AGENT_LEFT
    nobody = Consulting(ring_ms=20000, began_ms=0)
    nobody.unavailable()
    nobody.picked_up()
    assert nobody.outcome is Outcome.UNANSWERED
