"""Who rings again: each rule, and each that forbids."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ivr.dialogue.changes import Change
from ivr.dialogue.flow import Flow
from ivr.dialogue.returning import CallSummary, Returning, may_return, summarise
from tests.dialogue.talking import BANK, Talk, flow_of

FLOW = Flow.load(BANK)
ENDED = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
GOOD = {"caller": "9876543210", "withheld": False, "trusted_trunk": True}


def at_last_four() -> Talk:
    talk = Talk(FLOW)
    talk.say("block my credit card", "block_card", ("card_type", "credit"))
    assert talk.state.node == "block_last_four"
    return talk


def left(talk: Talk, *, dropped: bool = True) -> CallSummary:
    summary = summarise(talk.flow, talk.state, ended_at=ENDED, dropped=dropped)
    assert summary is not None
    return CallSummary.model_validate_json(summary.model_dump_json())


def back(summary: CallSummary | None, minutes: float, **how: Any) -> Returning | None:
    now = ENDED + timedelta(minutes=minutes)
    return may_return(FLOW, summary, now=now, **{**GOOD, **how})


def rings_again(returning: Returning | None, **more: Any) -> Talk:
    return Talk(FLOW, caller="9876543210", returning=returning, **more)


def test_a_dropped_call_resumes_at_the_very_step_after_a_spoken_yes() -> None:
    talk = rings_again(back(left(at_last_four()), 4))
    assert talk.texts == ["Welcome back. Would you like to go on where we were?"]
    assert talk.say("yes please") == ["All right.", "What are the last four digits of the card?"]
    talk.key("4711")
    assert "credit card" in talk.texts[0]


def test_later_it_goes_on_with_the_task_but_not_with_what_was_told() -> None:
    talk = rings_again(back(left(at_last_four()), 59))
    assert talk.say("yes") == [
        "All right.",
        "Which card is it, your debit card or your credit card?",
    ]
    assert talk.state.slots == {}


def test_a_call_that_was_ended_goes_on_with_its_task_only() -> None:
    returning = back(left(at_last_four(), dropped=False), 1)
    assert returning is not None
    assert returning.how == "task"


@pytest.mark.parametrize(
    ("minutes", "how"),
    [
        (61, {}),
        (-1, {}),
        (1, {"withheld": True}),
        (1, {"trusted_trunk": False}),
        (1, {"caller": ""}),
    ],
    ids=["too late", "clock went back", "withheld", "untrusted trunk", "no number"],
)
def test_who_may_not_be_offered_it(minutes: float, how: dict[str, Any]) -> None:
    assert back(left(at_last_four()), minutes, **how) is None


def test_another_flow_or_none_is_not_gone_on_with() -> None:
    other = left(at_last_four()).model_copy(update={"flow": "other"})
    assert back(other, 1) is None
    assert back(None, 1) is None


def test_another_version_of_the_flow_begins_with_the_task() -> None:
    older = left(at_last_four()).model_copy(update={"flow_version": "0" * 64})
    returning = back(older, 1)
    assert returning is not None
    assert (returning.how, returning.slots) == ("task", {})


def test_a_finished_call_or_one_without_a_task_leaves_nothing() -> None:
    talk = Talk(FLOW)
    assert summarise(FLOW, talk.state, ended_at=ENDED, dropped=True) is None
    talk.say("goodbye")
    assert summarise(FLOW, talk.state, ended_at=ENDED, dropped=True) is None


@pytest.mark.parametrize("answer", ["no", "no thanks", "what is my balance"])
def test_only_a_yes_restores_anything(answer: str) -> None:
    talk = rings_again(back(left(at_last_four()), 1))
    talk.say(answer, "check_balance" if "balance" in answer else "deny")
    assert talk.state.returning is None
    assert "card_type" not in talk.state.slots
    assert talk.state.node == ("balance_account" if "balance" in answer else "main")


def test_a_key_is_no_spoken_yes() -> None:
    talk = rings_again(back(left(at_last_four()), 1))
    talk.key("1")
    assert talk.state.slots == {}
    assert talk.state.node == "main"


def test_where_speech_is_not_recognised_it_is_not_offered() -> None:
    talk = rings_again(back(left(at_last_four()), 1), speech=())
    assert talk.state.aside == ""
    assert talk.state.node == "main"


def test_amounts_accounts_and_what_the_bank_told_are_never_kept() -> None:
    talk = Talk(FLOW)
    talk.say("send fifty rupees to raj", "transfer_money", ("amount", "50.00"), ("person", "raj"))
    talk.key("447123")
    talk.reply(200, {})
    summary = left(talk)
    assert set(summary.slots) == {"beneficiary", "beneficiary_account"}
    again = rings_again(back(summary, 1))
    again.say("yes")
    assert again.texts[-1] == "What is the number of the account to send the money from?"
    again.key("447123")
    again.reply(200, {})
    assert again.texts[-1] == "How much would you like to send?"


def test_what_is_forged_into_a_summary_is_not_restored() -> None:
    forged = left(at_last_four()).model_copy(update={"slots": {"amount": "9", "balance": "9"}})
    returning = back(forged, 1)
    assert returning is not None
    assert returning.slots == {}


def test_a_request_in_doubt_keeps_its_key_in_the_next_call() -> None:
    talk = Talk(FLOW)
    talk.say("send fifty rupees to raj", "transfer_money", ("amount", "50.00"), ("person", "raj"))
    talk.key("447123")
    talk.reply(200, {})
    talk.say("yes")
    key = talk.request.idempotency_key
    again = rings_again(back(left(talk), 1))
    again.say("no")
    again.say("send fifty rupees to raj", "transfer_money", ("amount", "50.00"), ("person", "raj"))
    again.key("447123")
    again.reply(200, {})
    again.say("yes")
    assert again.request.idempotency_key == key


SECRET = flow_of(
    [
        {
            "id": "main",
            "type": "intent_router",
            "config": {"prompt": "main", "keys_prompt": "keys", "keys": {"1": "see"}},
            "next": {"see": "who"},
        },
        {
            "id": "who",
            "type": "slot_filler",
            "config": {"slot": "customer", "type": "digits", "digits": 4, "prompt": "who"},
            "next": "pin",
        },
        {
            "id": "pin",
            "type": "slot_filler",
            "config": {
                "slot": "pin",
                "type": "digits",
                "digits": 4,
                "prompt": "pin",
                "sensitive": True,
            },
            "next": "what",
        },
        {
            "id": "what",
            "type": "slot_filler",
            "config": {"slot": "what", "type": "digits", "digits": 1, "prompt": "what"},
            "next": "main",
        },
    ],
    authentication_slots=["customer", "pin"],
)


def test_authentication_is_never_restored_and_never_walked_round() -> None:
    talk = Talk(SECRET)
    talk.key("1")
    talk.key("1234")
    talk.key("4711")
    assert talk.state.node == "what"
    summary = summarise(SECRET, talk.state, ended_at=ENDED, dropped=True)
    assert summary is not None
    assert "4711" not in summary.model_dump_json()
    assert "1234" not in summary.model_dump_json()
    returning = may_return(SECRET, summary, now=ENDED + timedelta(minutes=1), **GOOD)  # type: ignore[arg-type]
    again = Talk(SECRET, returning=returning, caller="98")
    again.say("yes")
    assert again.state.node == "who"


def test_a_change_survives_alone() -> None:
    talk = Talk(FLOW)
    talk.state = talk.state.with_(changes={"post_transfer": Change(key="k", fingerprint="f")})
    talk.say("goodbye")
    returning = back(left(talk), 30)
    assert returning is not None
    assert (returning.how, returning.node) == ("", "")
    again = rings_again(returning)
    assert again.state.aside == ""
    assert again.state.changes["post_transfer"].key == "k"
