"""SSML in templates: what is left of it for engines that read none."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.dialogue.faults import FlowError
from ivr.dialogue.flow import Flow
from ivr.dialogue.ssml import BadSsml, plain
from ivr.dialogue.templates import Text
from tests.dialogue.talking import BANK, Talk


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('One moment<break time="500ms"/> please.', "One moment. please."),
        ('One moment <break time="0.2s"/>please.', "One moment, please."),
        ("Hello. <break time='2s'/>How are you?", "Hello. How are you?"),
        ('No<break strength="none"/>pause', "Nopause"),
        ('Call the <sub alias="State Bank">SBI</sub>.', "Call the State Bank."),
        ('<say-as interpret-as="digits">4711</say-as>', "four seven one one"),
        ("<say-as interpret-as='characters'>A4</say-as> please", "A four please"),
        ('<emphasis level="strong">Now</emphasis> or never', "Now or never"),
        ('<prosody rate="slow">Slowly</prosody>', "Slowly"),
        ("<speak><p>One</p><p>Two</p></speak>", "One. Two."),
        ('<phoneme alphabet="ipa" ph="x">Raj</phoneme>', "Raj"),
        ("two < three", "two < three"),
        ("{% if 'a' <'b' %}yes{% endif %}", "yes"),
    ],
)
def test_what_is_said(source: str, said: str) -> None:
    text = Text(source, "en")
    assert text.static == said


def test_a_value_is_said_one_by_one() -> None:
    text = Text('It is <say-as interpret-as="digits">{{ pin }}</say-as>', "hi")
    assert text.variables == {"pin"}
    assert text.fill({"pin": "47"}) == "It is चार सात"


def test_what_a_caller_says_is_no_markup() -> None:
    text = Text("You said {{ words }}.", "en")
    assert text.fill({"words": "<break time='9s'/>"}) == "You said <break time='9s'/>."


def test_a_request_is_no_speech() -> None:
    assert Text("<break/>", "").static == "<break/>"


@pytest.mark.parametrize(
    ("template", "what"),
    [
        ("<brake/>", 'no <brake> here. Did you mean "break"?'),
        ("<emphasis>Now", "<emphasis> is never closed"),
        ("Now</p>", "</p> closes nothing"),
        ("<p><s>a</p></s>", "</p> closes nothing"),
    ],
)
def test_a_mistake_is_found_in_its_line(template: str, what: str) -> None:
    document: dict[str, Any] = json.loads(BANK.read_text())
    document["templates"]["welcome"]["en"] = template
    text = json.dumps(document, indent=1)
    with pytest.raises(FlowError) as caught:
        Flow.parse(text, file="made.json")
    (fault,) = caught.value.faults
    assert what in fault.what
    assert template in text.splitlines()[fault.line - 1]


def test_what_is_said_is_shown_and_repeated_without_markup() -> None:
    document = json.loads(BANK.read_text())
    asked = 'Your <emphasis>account</emphasis> number<break time="1s"/>please?'
    document["templates"]["ask_account"]["en"] = asked
    talk = Talk(Flow.parse(json.dumps(document)))
    assert talk.say("x", "check_balance") == ["Your account number. please?"]
    assert talk.say("repeat") == ["Your account number. please?"]


@given(st.text(st.sampled_from("<>/ ={}%'\"aps break"), max_size=40))
def test_any_text_is_read_or_refused(source: str) -> None:
    with contextlib.suppress(BadSsml):
        plain(source)
