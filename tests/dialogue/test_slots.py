"""Spoken and keyed answers become the same value."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.dialogue.actions import CallApi, Listen, TransferTo
from ivr.dialogue.flow import Flow
from ivr.dialogue.inputs import Keyed, Resumed
from ivr.dialogue.nodes.slot_filler import SlotConfig
from ivr.dialogue.nodes.slot_types import SLOT_TYPES
from tests.dialogue.talking import TODAY, Talk, flow_of, heard

END = {"id": "bye", "type": "end", "config": {"prompt": "bye"}}


def flow_asking(**config: Any) -> Flow:
    """A flow that asks for one value, says it and ends; an agent stands by."""
    asked = {"slot": "value", "prompt": "ask", "reprompt": "again", **config}
    return flow_of(
        [
            {"id": "ask", "type": "slot_filler", "config": asked, "next": "bye"},
            END,
            {"id": "agent", "type": "transfer", "config": {"destination": "agent"}},
        ],
        global_intents={"agent": {"next": "agent"}},
        transfer_destinations=["agent"],
        templates={"bye": {"en": "{{ value }}"}},
    )


CHOICE = {
    "type": "choice",
    "keys_prompt": "keys",
    "entity": "colour",
    "options": [
        {"name": "red", "key": "1", "phrases": {"en": ["red", "dark red"]}, "set": {"code": "r"}},
        {"name": "blue", "key": "2", "phrases": {"en": ["blue"]}},
    ],
}


@pytest.mark.parametrize(
    ("config", "said", "keys", "value"),
    [
        ({"type": "digits", "digits": 3}, heard("x", "", ("digits", "447")), "447", "447"),
        ({"type": "digits", "digits": 3}, heard("it is 447"), "447", "447"),
        (
            {"type": "digits", "digits": 6},
            heard("447 well 123", "", ("digits", "447"), ("digits", "123")),
            "447123",
            "447123",
        ),
        (
            {"type": "digits", "min_digits": 2, "max_digits": 4},
            heard("x", "", ("digits", "12")),
            "12",
            "12",
        ),
        ({"type": "amount"}, heard("x", "", ("amount", "250.5")), "250*50", "250.50"),
        ({"type": "amount"}, heard("x", "", ("digits", "250")), "250", "250.00"),
        ({"type": "date"}, heard("x", "", ("date", "2027-03-01")), "0103", "2027-03-01"),
        ({"type": "date"}, heard("x", "", ("date", "2026-11-20")), "20112026", "2026-11-20"),
        ({"type": "card_type"}, heard("the credit one"), "2", "credit"),
        ({"type": "card_type"}, heard("x", "", ("card_type", "debit")), "1", "debit"),
        ({"type": "yes_no"}, heard("yes"), "1", "yes"),
        ({"type": "yes_no"}, heard("oh no please"), "2", "no"),
        ({"type": "yes_no"}, heard("no that is right out"), "2", "no"),
        ({"type": "yes_no"}, heard("certainly", "affirm"), "1", "yes"),
        ({"type": "yes_no"}, heard("x", "", ("yes_no", "no")), "2", "no"),
        (CHOICE, heard("the dark red one"), "1", "red"),
        (CHOICE, heard("x", "", ("colour", "blue")), "2", "blue"),
    ],
)
def test_spoken_and_keyed(config: dict[str, Any], said: Any, keys: str, value: str) -> None:
    flow = flow_asking(**config)
    for answer in (said, Keyed(digits=keys)):
        talk = Talk(flow)
        talk.put(answer)
        assert talk.state.slots["value"] == value
        assert talk.texts[-1] == value


@pytest.mark.parametrize(
    ("config", "said", "keys"),
    [
        ({"type": "digits", "digits": 3}, heard("x", "", ("digits", "44")), "44"),
        ({"type": "digits", "digits": 3}, heard("x", "", ("digits", "٤٤٧")), "4*7"),
        ({"type": "amount"}, heard("x", "", ("amount", "0")), "00"),
        ({"type": "amount"}, heard("x", "", ("amount", "-5")), "5*"),
        ({"type": "amount"}, heard("x", "", ("amount", "NaN")), "**"),
        ({"type": "date"}, heard("x", "", ("date", "2026-02-30")), "3002"),
        ({"type": "date"}, heard("x", "", ("date", "soon")), "99"),
        ({"type": "card_type"}, heard("debit or credit"), "3"),
        ({"type": "yes_no"}, heard("well"), "3"),
        (CHOICE, heard("red or blue"), "9"),
        (CHOICE, heard("dark red or blue"), "9"),
        (CHOICE, heard("x", "", ("colour", "green")), "12"),
        ({"type": "name"}, heard("x", "", ("person", " ")), "1"),
    ],
)
def test_what_does_not_fit_is_asked_again(config: dict[str, Any], said: Any, keys: str) -> None:
    flow = flow_asking(**config)
    for answer in (said, Keyed(digits=keys)):
        talk = Talk(flow)
        talk.put(answer)
        assert "value" not in talk.state.slots
        assert talk.state.misunderstood == 1
        assert "again en" in talk.texts


def test_options_fill_further_slots() -> None:
    talk = Talk(flow_asking(**CHOICE))
    talk.key("1")
    assert talk.state.slots == {"value": "red", "code": "r"}


def test_a_name_is_spoken_or_left_to_an_agent() -> None:
    flow = flow_asking(type="name")
    talk = Talk(flow)
    talk.say("it is  maria", "give_value", ("person", "maria"))
    assert talk.state.slots["value"] == "maria"
    assert Talk(flow, speech=()).wait == TransferTo(destination="agent")


def test_expectations_narrow_to_what_the_type_knows() -> None:
    digits = Talk(flow_asking(type="digits", digits=4)).expect
    assert digits.phrases is not None
    assert {"oh", "double", "triple", "seven"} <= set(digits.phrases)
    assert (digits.spoken_digits, digits.keys and digits.keys.most) == (4, 4)
    ranged = Talk(flow_asking(type="digits", min_digits=2, max_digits=4)).expect
    assert (ranged.spoken_digits, ranged.keys and ranged.keys.least) == (0, 2)
    yes_no = Talk(flow_asking(type="yes_no")).expect
    assert yes_no.phrases is not None
    assert {"yes", "no"} <= set(yes_no.phrases)
    choice = Talk(flow_asking(**CHOICE)).expect
    assert choice.phrases is not None
    assert {"dark red", "blue"} <= set(choice.phrases)
    assert Talk(flow_asking(type="name")).expect.phrases is None


def test_confirmation_reads_back_and_a_no_asks_again() -> None:
    flow = flow_of(
        [
            {
                "id": "ask",
                "type": "slot_filler",
                "config": {
                    "slot": "value",
                    "type": "digits",
                    "digits": 3,
                    "prompt": "ask",
                    "reprompt": "again",
                    "confirm": "read_back",
                },
                "next": "bye",
            },
            END,
        ],
        templates={"read_back": {"en": "{{ value | digits }}, right?"}},
    )
    talk = Talk(flow)
    assert talk.key("447") == ["four four seven, right?"]
    talk.takeover()
    assert talk.put(Resumed())[1] == "four four seven, right?"
    assert talk.say("hmm") == ["I did not understand that.", "four four seven, right?"]
    assert talk.say("no") == ["All right.", "again en"]
    assert "value" not in talk.state.slots
    assert talk.key("448") == ["four four eight, right?"]
    talk.say("go back")
    assert talk.state.phase == "ask"
    talk.key("449")
    talk.key("1")
    assert talk.state.slots["value"] == "449"
    assert talk.state.finished


def test_confirmations_are_bounded() -> None:
    flow = flow_asking(type="digits", digits=3, confirm="read_back", attempts=2)
    talk = Talk(flow)
    for _ in range(2):
        talk.key("447")
        talk.key("2")
    assert talk.wait == TransferTo(destination="agent")


SENSITIVE = flow_of(
    [
        {
            "id": "pin",
            "type": "slot_filler",
            "config": {
                "slot": "pin",
                "type": "digits",
                "digits": 4,
                "prompt": "ask_pin",
                "sensitive": True,
            },
            "next": "verify",
        },
        {
            "id": "verify",
            "type": "api_caller",
            "config": {
                "integration": "bank",
                "method": "POST",
                "path": "/verify",
                "body": {"pin": "{{ pin }}"},
            },
            "next": {"ok": "bye", "refused": "pin", "unknown": "again"},
        },
        {
            "id": "again",
            "type": "slot_filler",
            "config": {"slot": "retry", "type": "yes_no", "prompt": "retry"},
            "next": {"yes": "verify", "no": "bye"},
        },
        END,
    ],
    integrations=["bank"],
)


def test_a_sensitive_value_is_keyed_and_leaves_no_trace() -> None:
    talk = Talk(SENSITIVE)
    expect = talk.expect
    assert (expect.speech, expect.sensitive) == (False, True)
    assert talk.texts == ["ask_pin en", "Please enter the four digits on your phone."]
    talk.key("4711")
    assert talk.request.body == {"pin": "4711"}
    for trace in (repr(talk.state), talk.state.model_dump_json(), repr(talk.actions)):
        assert "4711" not in trace


def test_a_sensitive_value_is_not_taken_from_speech() -> None:
    talk = Talk(SENSITIVE)
    talk.say("4711", "give_value", ("digits", "4711"))
    assert isinstance(talk.wait, Listen)
    assert "4711" not in talk.state.model_dump_json()
    assert talk.state.secrets == {}


def test_a_sensitive_value_lost_with_its_worker_is_asked_for_again() -> None:
    talk = Talk(SENSITIVE)
    talk.key("4711")
    talk.takeover()
    talk.put(Resumed())
    assert talk.state.node == "again"
    talk.say("yes")
    assert talk.state.node == "pin"
    talk.key("4711")
    assert isinstance(talk.wait, CallApi)
    assert talk.request.body == {"pin": "4711"}


@given(
    st.sampled_from(sorted(SLOT_TYPES)),
    st.text(max_size=30) | st.from_regex(r"[0-9*]{0,12}", fullmatch=True),
    st.dates(date(1900, 1, 1), date(9990, 12, 31)),
)
def test_any_keys_and_values_are_taken_or_refused(type_: str, text: str, today: date) -> None:
    config = SlotConfig.model_validate({"slot": "x", "type": type_, "prompt": "p", "digits": 4})
    kind = SLOT_TYPES[type_]
    for heard_value in (kind.keyed(config, text, today), kind.canonical(config, text, today)):
        if isinstance(heard_value, str):
            assert kind.canonical(config, heard_value, TODAY) == heard_value


def test_where_the_likeliest_cannot_be_used_the_next_is_asked() -> None:
    talk = Talk(flow_asking(type="digits", digits=3))
    five = heard("four four", "", ("digits", "44"))
    talk.put(replace(five, others=(heard("four or seven").interpretation,)))
    assert talk.state.misunderstood == 1
    six = heard("four four seven", "", ("digits", "447")).interpretation
    talk.put(replace(five, others=(six,)))
    assert talk.state.slots["value"] == "447"


def test_what_means_nothing_here_has_no_second_thought() -> None:
    talk = Talk(flow_asking(type="digits", digits=3))
    digits = heard("three two seven", "", ("digits", "327")).interpretation
    talk.put(replace(heard("xyzzy"), others=(digits,)))
    assert "value" not in talk.state.slots
