"""Attended transfer as the dialogue sees it: what the agent hears, and where the caller goes."""

from __future__ import annotations

from typing import Any

import pytest

from ivr.dialogue.actions import Consult, HangUp, Listen, TransferTo
from ivr.dialogue.faults import FlowError
from ivr.dialogue.flow import Flow
from ivr.dialogue.inputs import Resumed, Returned, Started, TransferRefused
from tests.dialogue.talking import Talk, flow_of

SUMMARY = "Card {{ card }} of {{ caller }}, in {{ caller_language }}."


MAIN: dict[str, Any] = {
    "id": "main",
    "type": "intent_router",
    "config": {"prompt": "hello", "keys_prompt": "keys", "keys": {"0": "talk_to_agent"}},
}
MORE = {"id": "more", "type": "response", "config": {"prompt": "anything"}, "next": "main"}


def flow(summary: str | None = "note", *, sensitive: bool = False, **next: str) -> Flow:
    card = {"slot": "card", "type": "digits", "digits": 4, "prompt": "ask", "sensitive": sensitive}
    config: dict[str, Any] = {"destination": "agent", "attended": True, "ring_s": 20}
    if summary is not None:
        config["summary"] = summary
    return flow_of(
        [
            {**MAIN, "next": {"block_card": "ask", "talk_to_agent": "agent"}},
            {"id": "ask", "type": "slot_filler", "config": card, "next": "agent"},
            {"id": "agent", "type": "transfer", "config": config, "next": next},
            *([MORE] if next else []),
        ],
        transfer_destinations=["agent"],
        global_intents={"agent": {"intents": ["talk_to_agent"], "next": "agent"}},
        templates={"note": {"en": SUMMARY}} if summary else {},
    )


def rung(made: Flow) -> Talk:
    talk = Talk(made)
    talk.state = talk.state.with_(node="")
    talk.put(Started(language="en", caller="+914012345678", speech_languages=frozenset({"en"})))
    return talk


def consult(talk: Talk) -> Consult:
    assert isinstance(talk.wait, TransferTo)
    assert talk.wait.destination == "agent"
    assert talk.wait.consult is not None
    return talk.wait.consult


def test_the_agent_hears_what_the_flow_says_of_the_caller() -> None:
    talk = rung(flow())
    talk.say("block my card", "block_card")
    talk.key("4711")
    asked = consult(talk)
    assert [say.text for say in asked.says] == [
        "Card 4711 of 5678, in English.",
        "To take the call, press one. To decline, press two.",
    ]
    assert (asked.ring_s, asked.returns) == (20, False)
    assert talk.texts == []


def test_a_summary_that_lacks_a_slot_gives_way_to_what_is_always_known() -> None:
    talk = rung(flow())
    talk.say("an agent", "talk_to_agent")
    said = consult(talk).says[0].text
    assert said.startswith("You have a caller who speaks English. Their number ends in five six")


def test_without_a_template_the_task_is_told() -> None:
    talk = rung(flow(None))
    talk.say("block my card", "block_card")
    talk.key("4711")
    said = consult(talk).says[0].text
    assert "block card" in said
    assert "4711" not in said


def test_a_sensitive_slot_cannot_stand_in_a_summary() -> None:
    with pytest.raises(FlowError, match="sensitive"):
        flow(sensitive=True)


def test_who_is_refused_goes_where_the_flow_says() -> None:
    talk = rung(flow(refused="more"))
    talk.say("an agent", "talk_to_agent")
    assert talk.put(TransferRefused()) == [
        "No agent can take your call now.",
        "anything en",
        "hello en",
    ]
    assert isinstance(talk.wait, Listen)


def test_who_comes_back_goes_where_the_flow_says() -> None:
    talk = rung(flow(returned="more"))
    talk.say("an agent", "talk_to_agent")
    assert consult(talk).returns
    talk.takeover()
    assert talk.put(Returned()) == ["anything en", "hello en"]
    assert not talk.state.finished


def test_a_worker_that_died_while_it_asked_is_followed_by_one_that_asks_again() -> None:
    talk = rung(flow())
    talk.say("an agent", "talk_to_agent")
    first = consult(talk)
    talk.takeover()
    texts = talk.put(Resumed())
    assert texts == ["We lost you for a moment, but I am here again."]
    assert consult(talk).says == first.says


def test_coming_back_from_nowhere_changes_nothing() -> None:
    talk = rung(flow(returned="more"))
    before = talk.state
    assert talk.put(Returned()) == []
    assert talk.state == before
    talk.silence(3)
    assert isinstance(talk.wait, HangUp)
    talk.put(Returned())
    assert isinstance(talk.wait, HangUp)


@pytest.mark.parametrize(
    ("config", "next", "what"),
    [
        ({"summary": "note"}, {}, "Nobody hears a summary"),
        ({}, {"returned": "main"}, 'no outcome "returned"'),
        ({"attended": True, "ring_s": 3}, {}, "ring_s"),
        ({"attended": True, "summary": "nothing"}, {}, 'no template "nothing"'),
    ],
)
def test_what_makes_no_sense_is_found(
    config: dict[str, Any], next: dict[str, str], what: str
) -> None:
    with pytest.raises(FlowError, match=what):
        flow_of(
            [
                {**MAIN, "next": {"talk_to_agent": "agent"}},
                {
                    "id": "agent",
                    "type": "transfer",
                    "config": {"destination": "agent", **config},
                    "next": next,
                },
            ],
            transfer_destinations=["agent"],
            templates={"note": {"en": "A note."}},
        )
