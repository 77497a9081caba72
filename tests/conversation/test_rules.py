"""The rules of turn-taking, case by case."""

from __future__ import annotations

import pytest

from ivr.conversation.clauses import clauses
from ivr.conversation.endpointing import Look, endpoint_silence_ms, spoken_digit_count
from ivr.conversation.interrupting import goes_on, interrupts, pauses_bot
from ivr.conversation.rejoining import may_go_on
from ivr.conversation.rules import TurnRules
from ivr.conversation.states import NEXT, ConversationState, may_follow
from ivr.dialogue.actions import Expectation

RULES = TurnRules()


DIGITS = Expectation(spoken_digits=4)
YES_NO = Expectation(phrases=("yes", "no"))
AMOUNT = Expectation(phrases=("twenty", "five", "hundred"))


@pytest.mark.parametrize(
    ("expect", "look", "silence_ms"),
    [
        (Expectation(), None, RULES.endpoint_unheard_ms),
        (Expectation(), Look(""), RULES.endpoint_unheard_ms),
        (Expectation(), Look("what is my balance"), RULES.endpoint_open_ms),
        (Expectation(), Look("what is my balance", accepted=True), RULES.endpoint_understood_ms),
        (
            Expectation(),
            Look("what is the balance", accepted=True, ends=0.2),
            RULES.endpoint_open_ms,
        ),
        (
            Expectation(),
            Look("transfer to raj", accepted=True, ends=0.3),
            RULES.endpoint_doubtful_ms,
        ),
        (Expectation(), Look("um", wants_more=True), RULES.endpoint_unfinished_ms),
        (
            Expectation(),
            Look("transfer fifty rupees to", accepted=True, ends=0.01),
            RULES.endpoint_unfinished_ms,
        ),
        (YES_NO, Look("yes"), RULES.endpoint_complete_ms),
        (YES_NO, Look("no thank you", accepted=True), RULES.endpoint_understood_ms),
        (YES_NO, Look("yes", ends=0.05), RULES.endpoint_complete_ms),
        (YES_NO, Look("can you", accepted=True, ends=0.0), RULES.endpoint_unfinished_ms),
        (YES_NO, Look("well yes"), RULES.endpoint_open_ms),
        (YES_NO, Look("well yes", accepted=True), RULES.endpoint_understood_ms),
        (AMOUNT, Look("twenty", accepted=True, wants_more=True), RULES.endpoint_unfinished_ms),
        (AMOUNT, Look("five", accepted=True), RULES.endpoint_complete_ms),
        (DIGITS, Look("one two three"), RULES.endpoint_unfinished_ms),
        (DIGITS, Look("one two double three"), RULES.endpoint_complete_ms),
        (DIGITS, Look("talk to an agent"), RULES.endpoint_open_ms),
    ],
)
def test_silence_depends_on_what_was_said(
    expect: Expectation, look: Look | None, silence_ms: float
) -> None:
    assert endpoint_silence_ms(RULES, expect, look) == silence_ms


@pytest.mark.parametrize(
    ("look", "meant"),
    [
        (Look(""), False),
        (Look("balance", 0.8, accepted=True), True),
        (Look("balance", 0.8), False),
        (Look("balance", 0.4, accepted=True), False),
        (Look("not", 1.0, accepted=True, disputed=0.7), False),
        (Look("wait", 0.8, halts=True), True),
        (Look("hi", 0.95), False),
        (Look("one one", 0.98), False),
        (Look("a a a", 1.0), False),
        (Look("what is this", 0.9), True),
        (Look("what is this", 0.6), False),
        (Look("okay", 1.0, backchannel=True), False),
        (Look("okay", 1.0, accepted=True, backchannel=True), False),
        (Look("okay", 1.0, accepted=True, backchannel=True, late=True), True),
        (Look("right", 1.0, backchannel=True, late=True), False),
    ],
)
def test_words_interrupt_and_the_sounds_of_a_listener_do_not(look: Look, meant: bool) -> None:
    assert interrupts(look) is meant


def test_the_bot_pauses_for_a_voice_that_is_not_its_own() -> None:
    assert not pauses_bot(RULES, RULES.hold_ms - 20, doubtful=False)
    assert pauses_bot(RULES, RULES.hold_ms, doubtful=False)
    assert not pauses_bot(RULES, 1000, doubtful=True)


def test_a_turn_goes_on_soon_and_before_its_answer_was_heard() -> None:
    assert may_go_on(RULES, since_end_ms=400, bot_heard_ms=200)
    assert not may_go_on(RULES, since_end_ms=RULES.rejoin_ms + 1, bot_heard_ms=0)
    assert not may_go_on(RULES, since_end_ms=400, bot_heard_ms=RULES.rejoin_heard_ms + 1)


def test_more_was_said_where_there_are_more_words() -> None:
    assert goes_on(Look("send money to raj"), "send money")
    assert not goes_on(Look("send money"), "send money")
    assert not goes_on(Look("send monday"), "send money")


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
