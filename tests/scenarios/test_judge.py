"""Holding what came against what had to come."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ivr.scenarios.judge import Answer, judge
from ivr.scenarios.scenario import Expect

ANSWER = Answer(
    texts=("All right.", "Your balance is one hundred rupees, Anna."),
    intent="check_balance",
    confidence=0.91,
    slots={"account": "447123"},
    node="say_balance",
    language="en",
    actions=("api GET /accounts/447123", "listen"),
    interrupted=False,
    gap_ms=800.0,
)


@pytest.mark.parametrize(
    "expect",
    [
        {"says": "ALL right"},
        {"says": ["one hundred rupees anna", "All right your balance"]},
        {"never": ["hundred rupee", "bal"]},
        {"intent": "check_balance", "node": "say_balance", "language": "en"},
        {"slots": {"account": "447123", "amount": None}},
        {"action": "listen"},
        {"action": "api GET /accounts"},
        {"interrupted": False},
        {"within_ms": 800},
        {},
    ],
)
def test_what_came_as_expected_is_no_mismatch(expect: dict[str, Any]) -> None:
    assert not judge(Expect.model_validate(expect), ANSWER, step=2, times=True)


@pytest.mark.parametrize(
    ("expect", "place", "came"),
    [
        ({"says": ["all right", "one hundred euros"]}, ("says", 1), ANSWER.text),
        ({"says": "balance is one hundred rupee"}, ("says", 0), ANSWER.text),
        ({"never": ["goodbye", "hundred"]}, ("never", 1), ANSWER.text),
        ({"intent": "block_card"}, ("intent",), "check_balance (0.91)"),
        ({"node": "main"}, ("node",), "say_balance"),
        ({"language": "hi"}, ("language",), "en"),
        ({"slots": {"account": "1"}}, ("slots", "account"), "447123"),
        ({"slots": {"account": None}}, ("slots", "account"), "447123"),
        ({"slots": {"amount": "1"}}, ("slots", "amount"), "(nothing)"),
        ({"action": "hang_up"}, ("action",), "api GET /accounts/447123, listen"),
        ({"action": "api POST /"}, ("action",), "api GET /accounts/447123, listen"),
        ({"interrupted": True}, ("interrupted",), "False"),
        ({"within_ms": 799}, ("within_ms",), "800 ms"),
    ],
)
def test_a_mismatch_names_its_place_and_what_came(
    expect: dict[str, Any], place: tuple[str | int, ...], came: str
) -> None:
    (mismatch,) = judge(Expect.model_validate(expect), ANSWER, step=2, times=True)
    assert mismatch.place == ("steps", 2, "expect", *place)
    assert mismatch.came == came


def test_an_action_must_be_the_last() -> None:
    answer = Answer(actions=("listen", "hang_up"))
    assert judge(Expect(action="listen"), answer, step=0)
    assert not judge(Expect(action="hang_up"), answer, step=0)


def test_what_a_level_cannot_see_is_not_judged() -> None:
    blind = Answer(texts=("hello",), actions=("listen",), sees_requests=False)
    expect = Expect.model_validate(
        {
            "intent": "a",
            "slots": {"b": "c"},
            "node": "d",
            "language": "e",
            "action": "api GET /f",
            "interrupted": True,
            "within_ms": 1,
        }
    )
    assert not judge(expect, blind, step=0, times=True)


def test_times_are_judged_only_when_asked() -> None:
    assert not judge(Expect(within_ms=1), ANSWER, step=0)


def test_words_that_no_answer_may_have() -> None:
    (mismatch,) = judge(Expect(), ANSWER, step=1, never=("4711", "anna"))
    assert mismatch.place == ("never",)


def test_no_answer_is_a_mismatch_whatever_was_expected() -> None:
    (mismatch,) = judge(Expect(), Answer(trouble="no answer within 45 s"), step=3)
    assert mismatch.place == ("steps", 3)


def test_recorded_sentences_are_judged_where_they_can_be_heard() -> None:
    expect = Expect(recorded=("apology",))
    assert not judge(expect, ANSWER, step=0)
    heard = replace(ANSWER, recorded=frozenset({"moment"}))
    (mismatch,) = judge(expect, heard, step=0)
    assert (mismatch.what, mismatch.expected, mismatch.came) == ("recorded", "apology", "moment")
