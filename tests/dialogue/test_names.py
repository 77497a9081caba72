"""Names of a flow's lists, as callers say them and as they are heard."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.dialogue.faults import FlowError
from ivr.dialogue.flow import Flow
from ivr.dialogue.flow_file import EntityName
from ivr.dialogue.names import NameList
from ivr.dialogue.sounds import alike, sounds_of
from tests.dialogue.talking import PROJECT

SCHEMES = PROJECT / "flows" / "schemes.json"
FLOW = Flow.load(SCHEMES)
EXAMPLES = Path(__file__).parent / "data" / "names.csv"
ROWS = list(csv.DictReader(EXAMPLES.read_text(encoding="utf-8").splitlines()))
PHRASES = [
    (language, phrase, one["name"])
    for one in json.loads(SCHEMES.read_text(encoding="utf-8"))["entities"]["scheme"]
    for language, phrases in one["phrases"].items()
    for phrase in phrases
]


def names(text: str, language: str) -> set[str]:
    return {found.name for found in FLOW.named(text, language)}


def test_examples_that_nothing_was_chosen_on_are_as_good_as_those() -> None:
    wrong = [
        row for row in ROWS if names(row["said"], row["language"]) != set(row["names"].split())
    ]
    chosen, strange = ROWS[0::2], ROWS[1::2]
    assert not [row["said"] for row in wrong if row in chosen]
    assert len([row for row in wrong if row in strange]) <= 0.05 * len(strange)


@pytest.mark.parametrize(("language", "phrase", "name"), PHRASES)
def test_a_name_as_it_is_written_is_itself(language: str, phrase: str, name: str) -> None:
    assert names(phrase, language) == {name}


@given(st.sampled_from(PHRASES), st.data())
def test_letters_doubled_or_lengthened_hide_no_name(
    named: tuple[str, str, str], data: st.DataObject
) -> None:
    language, phrase, name = named
    at = data.draw(st.integers(0, len(phrase) - 1))
    alone = " " in phrase[max(0, at - 1) : at + 2].center(3)  # "p m" would be two letters
    if phrase[at].isascii() and phrase[at].isalpha() and not alone:
        phrase = phrase[: at + 1] + phrase[at] + phrase[at + 1 :]
    assert names(phrase, language) == {name}


@given(st.text(max_size=80), st.sampled_from(["en", "hi", "es", ""]))
def test_anything_may_be_said(text: str, language: str) -> None:
    assert all(0 < found.score <= 1 for found in FLOW.named(text, language))


@given(st.text(max_size=30), st.text(max_size=30))
def test_likeness_is_a_share_and_goes_both_ways(one: str, other: str) -> None:
    first, second = sounds_of(one), sounds_of(other)
    assert 0 <= alike(first, second) <= 1
    assert alike(first, second) == pytest.approx(alike(second, first))
    assert alike(first, first) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [("samman", "सम्मान"), ("yojana", "योजना"), ("fasal", "phasal"), ("फसल", "फ़सल")],
)
def test_spellings_and_scripts_sound_the_same(one: str, other: str) -> None:
    assert sounds_of(one) == sounds_of(other)


def test_what_two_names_share_is_both_and_what_one_has_is_it() -> None:
    cards = NameList(
        "card",
        [
            EntityName(name="gold", phrases={"en": ("royal gold card", "royal card")}),
            EntityName(name="silver", phrases={"en": ("royal silver card", "royal card")}),
            EntityName(name="travel", phrases={"en": ("globe card",)}),
        ],
    )
    assert {one.name for one in cards.find("the royal card", "en")} == {"gold", "silver"}
    assert [one.name for one in cards.find("the royl sylver card", "en")] == ["silver"]
    assert cards.find("a card", "en") == ()


def test_an_intent_that_leads_nowhere_and_a_language_not_spoken_are_faults() -> None:
    document = json.loads(SCHEMES.read_text(encoding="utf-8"))
    first = document["entities"]["scheme"][0]
    first["intent"] = "about_farmin"
    first["phrases"]["xx"] = ["pm kisan"]
    document["entities"]["scheme"].append(first)
    with pytest.raises(FlowError) as told:
        Flow.parse(json.dumps(document))
    faults = [fault.what for fault in told.value.faults]
    assert 'The intent "about_farmin" leads nowhere.' in faults
    assert 'The flow does not speak "xx".' in faults
    assert 'The name "pm_kisan" is there twice.' in faults
