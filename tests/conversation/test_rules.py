"""The endpointing rules, sentence by sentence."""

from __future__ import annotations

import pytest

from ivr.conversation.clauses import clauses
from ivr.conversation.rules import TurnRules, endpoint_silence_ms, spoken_digit_count
from ivr.conversation.states import NEXT, ConversationState, may_follow
from ivr.dialogue.actions import Expectation

RULES = TurnRules()


@pytest.mark.parametrize(
    ("expect", "partial", "silence_ms"),
    [
        (Expectation(), "", RULES.endpoint_unheard_ms),
        (Expectation(), "what is my balance", RULES.endpoint_open_ms),
        (Expectation(), "transfer fifty rupees to", RULES.endpoint_unfinished_ms),
        (Expectation(phrases=("yes", "no")), "yes", RULES.endpoint_complete_ms),
        (Expectation(phrases=("yes", "no")), "well yes", RULES.endpoint_open_ms),
        (Expectation(spoken_digits=4), "one two three", RULES.endpoint_unfinished_ms),
        (Expectation(spoken_digits=4), "one two double three", RULES.endpoint_complete_ms),
        (Expectation(spoken_digits=4), "talk to an agent", RULES.endpoint_open_ms),
    ],
)
def test_silence_depends_on_what_was_said(
    expect: Expectation, partial: str, silence_ms: float
) -> None:
    assert endpoint_silence_ms(RULES, expect, partial) == silence_ms


@pytest.mark.parametrize(
    ("words", "count"),
    [("one two", 2), ("double four seven", 3), ("triple nine oh", 4), ("447 1", 4), ("my", None)],
)
def test_spoken_digits_are_counted(words: str, count: int | None) -> None:
    assert spoken_digit_count(words.split()) == count


def test_clauses_cut_at_sentence_ends_and_lose_nothing() -> None:
    text = "Your balance is ten rupees. Is there anything else? बैलेंस दस है। धन्यवाद।"
    pieces = clauses(text)
    assert pieces == [
        "Your balance is ten rupees.",
        "Is there anything else?",
        "बैलेंस दस है।",
        "धन्यवाद।",
    ]
    assert " ".join(pieces) == text


def test_a_sentence_too_long_is_cut_at_a_comma() -> None:
    sentence = ", ".join(["some words that go on and on"] * 20)
    pieces = clauses(sentence)
    assert max(map(len, pieces)) <= 241
    assert " ".join(pieces) == sentence


def test_every_state_can_reach_the_end() -> None:
    for state in ConversationState:
        reached = {state}
        while True:
            more = {after for before in reached for after in NEXT[before]} - reached
            if not more:
                break
            reached |= more
        assert ConversationState.TERMINATING in reached


def test_the_table_forbids_what_it_does_not_name() -> None:
    assert not may_follow(ConversationState.LISTENING, ConversationState.GREETING)
    assert may_follow(ConversationState.LISTENING, ConversationState.LISTENING)
