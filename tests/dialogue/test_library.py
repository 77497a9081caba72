"""The library's flow, which has a node of every type but the language's and the router's."""

from __future__ import annotations

import pytest

from ivr.dialogue.actions import HangUp, RecordMessage
from ivr.dialogue.flow import Flow
from ivr.dialogue.inputs import MessageRecorded
from ivr.dialogue.node_kinds import NODE_KINDS
from ivr.dialogue.nodes.kind import AskingKind
from ivr.languages.known import language
from tests.dialogue.talking import BANK, PROJECT, Talk

FLOW = Flow.load(PROJECT / "flows" / "library.json")


def test_the_flows_that_are_shipped_use_every_type_of_node() -> None:
    flows = (FLOW, Flow.load(BANK))
    assert {node.kind.name for flow in flows for node in flow.nodes.values()} == set(NODE_KINDS)


def test_a_visit_is_booked() -> None:
    talk = Talk(FLOW)
    talk.say("a visit")
    talk.say("x", "give_value", ("date", "2026-12-03"))
    talk.key("1430")
    assert talk.key("12") == [
        "That is the third of december twenty twenty six, two thirty in the afternoon, "
        "for twelve, in the large room. Is that right?"
    ]
    talk.say("no i mean five", "give_value", ("digits", "5"))
    assert "for five, in the small room" in talk.texts[-1]
    assert talk.say("yes")[0] == "It is booked."


def test_a_question_then_more_about_it() -> None:
    talk = Talk(FLOW)
    talk.key("1")
    assert talk.say("are you open today")[0] == "We are open from nine to five."
    assert talk.say("tell me more about it")[0] == "On Saturday we close at one."


def test_the_card_and_its_code_leave_no_trace() -> None:
    talk = Talk(FLOW)
    talk.say("my card")
    assert talk.key("12345678")[0] == "That number is wrong."
    talk.key("12345674")
    assert talk.expect.sensitive
    talk.key("4711")
    assert talk.request.body == {"member": {"number": "12345674", "pin": "4711"}}
    assert talk.request.idempotency_key is None
    assert "4711" not in talk.state.model_dump_json() + repr(talk.state) + repr(talk.actions)
    assert talk.reply(200, {})[0] == "Your card is good for one more year."


def test_where_no_message_can_be_recorded_a_call_back_is_offered() -> None:
    talk = Talk(FLOW, caller="9876543210")
    talk.say("a message")
    assert isinstance(talk.wait, RecordMessage)
    talk.put(MessageRecorded(message_id=talk.wait.message_id, ok=False))
    assert talk.texts[0] == "I could not take your message."
    assert talk.texts[1].startswith("Can we call you back on nine eight seven,")


def test_a_mark_is_asked_for_at_the_end() -> None:
    talk = Talk(FLOW)
    talk.say("goodbye")
    assert talk.texts == ["How happy are you with this call, from one to five?"]
    talk.say("five")
    assert isinstance(talk.wait, HangUp)
    assert talk.state.slots["mark"] == "5"


ASKING = [name for name, node in FLOW.nodes.items() if isinstance(node.kind, AskingKind)]


@pytest.mark.parametrize("name", ASKING)
def test_what_can_be_wanted_anywhere_is_understood_at_every_question(name: str) -> None:
    for wish, phrases in language("en").globals.items():
        for phrase in phrases:
            talk = Talk(FLOW, caller="9876543210")
            talk.state = talk.state.with_(node=name, phase="ask")
            talk.say(phrase)
            assert talk.state.misunderstood == 0, (wish, phrase, talk.texts)


@pytest.mark.parametrize("name", ASKING)
def test_an_emergency_is_heard_at_every_question(name: str) -> None:
    talk = Talk(FLOW)
    talk.state = talk.state.with_(node=name, phase="ask")
    assert "call one one two" in talk.say("please call an ambulance")[0]
