"""Each type of node that the bank does not use, or uses in one way only."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest

from ivr.dialogue.actions import HangUp, Listen, RecordMessage, TransferTo
from ivr.dialogue.flow import Flow
from ivr.dialogue.flow_check import check
from ivr.dialogue.inputs import MessageRecorded, Resumed
from ivr.dialogue.nodes.condition import Case
from tests.dialogue.talking import Talk, document_of, flow_of, heard

BYE = {"id": "bye", "type": "end", "config": {"prompt": "bye"}}
AGENT = {"id": "agent", "type": "transfer", "config": {"destination": "agent"}}


def flow(*nodes: dict[str, Any], **more: Any) -> Flow:
    """`nodes`, an end and an agent."""
    return flow_of(
        [*nodes, BYE, AGENT],
        **{
            "transfer_destinations": ["agent"],
            "global_intents": {"agent": {"next": "agent"}, "goodbye": {"next": "bye"}},
            **more,
        },
    )


@pytest.mark.parametrize(
    ("test", "value", "holds"),
    [
        ({"equals": "a"}, "a", True),
        ({"equals": "a"}, "b", False),
        ({"equals": "a"}, None, False),
        ({"one_of": ["a", "b"]}, "b", True),
        ({"one_of": ["a", "b"]}, "c", False),
        ({"less_than": "10"}, "9.50", True),
        ({"less_than": "10"}, "10", False),
        ({"less_than": "10"}, "nine", False),
        ({"less_than": "10"}, "NaN", False),
        ({"more_than": "10"}, "100", True),
        ({"more_than": "10"}, None, False),
        ({"filled": True}, "", True),
        ({"filled": True}, None, False),
        ({"filled": False}, None, True),
    ],
)
def test_a_condition_tests_what_a_slot_holds(
    test: dict[str, Any], value: str | None, holds: bool
) -> None:
    assert Case(name="x", slot="s", **test).holds(value) is holds


@pytest.mark.parametrize("tests", [{}, {"equals": "a", "filled": True}, {"less_than": "many"}])
def test_a_case_has_one_sensible_test(tests: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"is needed|only numbers"):
        Case(name="x", slot="s", **tests)


def test_set_and_condition_lead_without_asking() -> None:
    made = flow(
        {
            "id": "ask",
            "type": "slot_filler",
            "config": {"slot": "amount", "type": "amount", "prompt": "ask"},
            "next": "note",
        },
        {
            "id": "note",
            "type": "set",
            "config": {"values": {"copy": "{{ amount }} in all"}, "forget": ["amount"]},
            "next": "which",
        },
        {
            "id": "which",
            "type": "condition",
            "config": {"cases": [{"name": "gone", "slot": "amount", "filled": False}]},
            "next": {"gone": "say", "else": "agent"},
        },
        {"id": "say", "type": "response", "config": {"prompt": "say"}, "next": "bye"},
        templates={"say": {"en": "It was {{ copy }}."}},
    )
    talk = Talk(made)
    talk.key("250")
    assert talk.texts[0] == "It was 250.00 in all."


def test_a_condition_knows_the_language() -> None:
    cases = [{"name": "hindi", "slot": "language", "equals": "hi"}]
    made = flow(
        {
            "id": "which",
            "type": "condition",
            "config": {"cases": cases},
            "next": {"hindi": "agent", "else": "bye"},
        },
        languages=["en", "hi"],
    )
    assert isinstance(Talk(made, language="hi").wait, TransferTo)
    assert isinstance(Talk(made, language="en").wait, HangUp)


def survey() -> Flow:
    node = {
        "id": "rate",
        "type": "survey",
        "config": {"slot": "mark", "prompt": "rate"},
        "next": {"done": "bye", "skipped": "agent"},
    }
    return flow(node, templates={"bye": {"en": "{{ mark }} is noted."}})


def test_a_mark_is_said_or_keyed() -> None:
    assert Talk(survey()).key("4") == ["4 is noted."]
    assert Talk(survey()).say("i would say five", "give_value", ("digits", "5")) == ["5 is noted."]
    assert Talk(survey()).say("three") == ["3 is noted."]


@pytest.mark.parametrize("digits", ["6", "9", "12", "*"])
def test_what_is_no_mark_is_asked_again(digits: str) -> None:
    talk = Talk(survey())
    talk.key(digits)
    assert isinstance(talk.wait, Listen)
    assert "mark" not in talk.state.slots


def test_two_marks_are_none() -> None:
    talk = Talk(survey())
    talk.say("four or five", "give_value", ("digits", "4"), ("digits", "5"))
    assert "mark" not in talk.state.slots


def test_whoever_gives_no_mark_is_let_off() -> None:
    talk = Talk(survey())
    talk.silence(1)
    talk.silence(2)
    assert talk.wait == TransferTo(destination="agent")


KNOWLEDGE = {
    "shop": [
        {
            "name": "hours",
            "key": "1",
            "phrases": {"en": ["when do you open", "opening hours", "when do you close"]},
            "answer": "hours",
            "more": "holidays",
        },
        {
            "name": "parking",
            "key": "2",
            "phrases": {"en": ["where can i park my car", "is there parking"]},
            "answer": "parking",
        },
    ]
}


def knowing(**config: Any) -> Flow:
    node = {
        "id": "ask",
        "type": "knowledge",
        "config": {"base": "shop", "prompt": "ask", "keys_prompt": "keys", **config},
        "next": {"answered": "ask"},
    }
    return flow(
        node,
        knowledge=KNOWLEDGE,
        templates={
            "hours": {"en": "From nine to five."},
            "holidays": {"en": "Not on holidays."},
            "parking": {"en": "Behind the house."},
        },
    )


def test_a_question_is_answered_from_the_knowledge() -> None:
    talk = Talk(knowing())
    assert talk.say("tell me please when do you open")[0] == "From nine to five."
    assert talk.say("where can i park")[0] == "Behind the house."
    assert talk.key("1")[0] == "From nine to five."


def test_what_is_not_known_is_no_answer() -> None:
    talk = Talk(knowing())
    assert talk.say("do you sell bicycles")[0] == "I did not understand that."


def test_more_is_told_about_the_last_answer_and_only_once() -> None:
    talk = Talk(knowing())
    talk.say("when do you open")
    assert talk.say("tell me more about it")[0] == "Not on holidays."
    assert talk.say("tell me more")[0] == "That is all I know about it."


def test_knowledge_without_keys_is_an_agents_where_speech_is_not_recognised() -> None:
    made = knowing()
    assert isinstance(Talk(made, speech=()).wait, Listen)
    no_keys = flow(
        {
            "id": "ask",
            "type": "knowledge",
            "config": {"base": "shop", "prompt": "ask"},
            "next": {"answered": "bye"},
        },
        knowledge=KNOWLEDGE,
        templates={name: {"en": name} for name in ("hours", "holidays", "parking")},
    )
    assert Talk(no_keys, speech=()).wait == TransferTo(destination="agent")


def languages() -> Flow:
    node = {"id": "which", "type": "language", "config": {"default": "hi"}, "next": "bye"}
    return flow(node, languages=["en", "hi", "es"])


@pytest.mark.parametrize(
    ("how", "code"),
    [("1", "en"), ("2", "hi"), ("3", "es"), ("spanish", "es"), ("in hindi please", "hi")],
)
def test_a_language_is_chosen_by_key_or_name(how: str, code: str) -> None:
    talk = Talk(languages(), language=None)
    assert [text.split()[0] for text in talk.texts] == ["For", "हिन्दी", "Para"]
    if how.isdigit():
        talk.key(how)
    else:
        talk.say(how)
    assert (talk.state.language, talk.state.language_known) == (code, True)


def test_the_language_of_the_first_sentence_is_taken_where_it_was_plain() -> None:
    talk = Talk(languages(), language=None)
    assert isinstance(talk.wait, Listen)
    assert talk.wait.expect.languages == ("en", "hi", "es")
    unsure = heard("what is my balance")
    talk.put(unsure)
    assert not talk.state.language_known
    talk.put(replace(heard("quiero saber mi saldo"), language="es"))
    assert (talk.state.language, talk.state.language_known) == ("es", True)


def test_a_key_for_no_language_chooses_none() -> None:
    talk = Talk(languages(), language=None)
    talk.key("4")
    assert not talk.state.language_known


def test_two_silences_take_the_default_language() -> None:
    talk = Talk(languages(), language=None)
    talk.silence(1)
    talk.silence(2)
    assert talk.state.language == "hi"


def test_a_language_node_can_switch_without_asking() -> None:
    switch = {"id": "to_hindi", "type": "language", "config": {"to": "hi"}, "next": "bye"}
    talk = Talk(flow(switch, languages=["en", "hi"]))
    assert talk.state.language == "hi"
    assert talk.texts[-1] == "bye hi"


def voicemail(**ways: str) -> Flow:
    node = {
        "id": "take",
        "type": "voicemail",
        "config": {"box": "branch", "longest_s": 60},
        "next": {"kept": "bye", **ways},
    }
    return flow(node, message_boxes=["branch"])


def recording(talk: Talk) -> RecordMessage:
    assert isinstance(talk.wait, RecordMessage)
    return talk.wait


def test_a_message_is_recorded_into_a_box_of_the_list() -> None:
    talk = Talk(voicemail())
    assert (recording(talk).box, recording(talk).longest_ms) == ("branch", 60_000)
    stale = MessageRecorded(message_id="other", ok=True)
    assert talk.put(stale) == []
    assert recording(talk).box == "branch"
    kept = MessageRecorded(message_id=recording(talk).message_id, ok=True, duration_ms=5000)
    assert talk.put(kept) == ["Thank you. I have your message.", "bye en"]


def test_a_message_that_was_not_recorded_is_said_so() -> None:
    talk = Talk(voicemail())
    lost = MessageRecorded(message_id=recording(talk).message_id, ok=False)
    assert talk.put(lost)[0] == "I could not take your message."
    assert talk.wait == TransferTo(destination="agent")


def test_a_message_under_way_at_a_takeover_is_asked_for_again() -> None:
    talk = Talk(voicemail())
    first = recording(talk).message_id
    talk.takeover()
    assert talk.put(Resumed())[0] == "We lost you for a moment, but I am here again."
    assert recording(talk).message_id != first


def calling_back(**more: Any) -> Flow:
    node = {
        "id": "back",
        "type": "callback",
        "config": {"integration": "bank"},
        "next": {"booked": "bye", "declined": "agent"},
    }
    return flow(node, integrations=["bank"], callback_numbers=["+91", "98"], **more)


def rung_by(caller: str, flow: Flow) -> Talk:
    return Talk(flow, caller=caller)


def test_the_callers_own_number_is_offered_and_noted_once() -> None:
    talk = rung_by("+91 98765 43210", calling_back())
    assert talk.texts[0].startswith("Can we call you back on nine one nine,")
    talk.say("yes")
    assert talk.request.body == {"number": "+919876543210", "language": "en", "about": ""}
    key = talk.request.idempotency_key
    assert key
    talk.takeover()
    talk.put(Resumed())
    assert talk.request.idempotency_key == key
    assert talk.reply(201, {})[0] == "All right. We will call you back."
    assert talk.state.changes == {}


def test_a_withheld_number_is_asked_for() -> None:
    talk = rung_by("", calling_back())
    assert talk.texts == ["On which number can we call you back?"]
    talk.key("9876543210")
    assert talk.request.body is not None
    assert talk.request.body["number"] == "9876543210"


@pytest.mark.parametrize("number", ["112", "911", "0900123456", "19001234567", "4412345678", "98"])
def test_emergency_premium_and_foreign_numbers_are_not_called(number: str) -> None:
    talk = rung_by(number, calling_back())
    assert talk.texts == ["On which number can we call you back?"]
    talk.key(number)
    assert talk.texts[0] == "We can not call that number."
    assert isinstance(talk.wait, Listen)


def test_another_number_and_a_change_of_mind() -> None:
    talk = rung_by("9876543210", calling_back())
    talk.say("no")
    assert talk.texts == ["On which number can we call you back?"]
    talk.say("no")
    assert talk.wait == TransferTo(destination="agent")


def test_a_call_back_that_may_not_be_noted_is_said_so() -> None:
    talk = rung_by("9876543210", calling_back())
    talk.key("1")
    assert talk.reply(0)[0].startswith("I am not sure that your call back is noted.")


SUBFLOW = {
    "identify": {
        "entry": "ask",
        "nodes": [
            {
                "id": "ask",
                "type": "slot_filler",
                "config": {"slot": "pin", "type": "digits", "digits": 4, "prompt": "ask_pin"},
                "next": {"done": "@proven", "exhausted": "@failed"},
            }
        ],
    }
}


def using_twice() -> list[dict[str, Any]]:
    return [
        {
            "id": name,
            "type": "subflow",
            "config": {"flow": "identify"},
            "next": {"proven": after, "failed": "agent"},
        }
        for name, after in (("first", "second"), ("second", "bye"))
    ]


def test_a_subflow_is_used_in_several_places() -> None:
    made = flow(*using_twice(), subflows=SUBFLOW, templates={"ask_pin": {"en": "The code?"}})
    assert {"first.ask", "second.ask"} <= set(made.nodes)
    talk = Talk(made)
    assert talk.texts == ["The code?"]
    talk.key("4711")
    assert isinstance(talk.wait, HangUp)


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda nodes, _: nodes[0]["config"].update(flow="identfy"), 'no subflow "identfy"'),
        (lambda nodes, _: nodes[0]["next"].pop("failed"), 'no way out for "failed"'),
        (lambda nodes, _: nodes[0]["next"].update(proved="bye"), 'never left by "@proved"'),
        (
            lambda _, flows: flows["identify"]["nodes"].append(
                {"id": "again", "type": "subflow", "config": {"flow": "identify"}}
            ),
            "uses itself",
        ),
        (lambda _, flows: flows["identify"].update(entry="nowhere"), "no node"),
    ],
)
def test_what_is_wrong_with_a_subflow_is_found(spoil: Any, what: str) -> None:
    nodes, flows = using_twice(), copy.deepcopy(SUBFLOW)
    spoil(nodes, flows)
    document = document_of(
        [*nodes, BYE, AGENT],
        transfer_destinations=["agent"],
        subflows=flows,
        templates={"ask_pin": {"en": "The code?"}},
    )
    faults = check(json.dumps(document, indent=1), "made.json").faults
    assert any(what in fault.what for fault in faults), [str(fault) for fault in faults]
