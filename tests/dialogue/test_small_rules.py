"""Checksums, numbers that may be dialled, paths into JSON, and how knowledge is found."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.dialogue.checksums import Checksum, checks
from ivr.dialogue.dialable import is_emergency, may_dial, normalised
from ivr.dialogue.flow_file import KnowledgeEntry
from ivr.dialogue.json_path import PathUnusable, json_path
from ivr.dialogue.knowledge import WordOverlap
from ivr.dialogue.nodes.slot_filler import SlotConfig
from ivr.dialogue.nodes.slot_types import SLOT_TYPES
from tests.dialogue.talking import TODAY, Talk, flow_of, heard


@pytest.mark.parametrize(
    ("digits", "checksum"),
    [
        ("4111111111111111", "luhn"),
        ("79927398713", "luhn"),
        ("2363", "verhoeff"),
        ("1428570", "verhoeff"),
        ("3214282912345698765432161182", "mod97"),
    ],
)
def test_a_slip_is_found(digits: str, checksum: Checksum) -> None:
    assert checks(digits, checksum)
    slipped = 0
    for place, char in enumerate(digits):
        wrong = digits[:place] + str((int(char) + 1) % 10) + digits[place + 1 :]
        slipped += checks(wrong, checksum)
    assert slipped == 0


def test_a_slot_with_a_checksum_asks_again_for_a_slip() -> None:
    flow = flow_of(
        [
            {
                "id": "card",
                "type": "slot_filler",
                "config": {
                    "slot": "card",
                    "type": "digits",
                    "digits": 16,
                    "checksum": "luhn",
                    "prompt": "ask",
                },
                "next": "bye",
            },
            {"id": "bye", "type": "end"},
        ]
    )
    talk = Talk(flow)
    assert talk.key("4111111111111112")[0] == "That number is wrong."
    talk.key("4111111111111111")
    assert talk.state.finished


@pytest.mark.parametrize(
    ("said", "keys", "value"),
    [
        (heard("x", "", ("time", "14:30")), "1430", "14:30"),
        (heard("at 9:05 please"), "0905", "09:05"),
        (heard("2359"), "2359", "23:59"),
    ],
)
def test_times_of_day(said: object, keys: str, value: str) -> None:
    config = SlotConfig(slot="x", type="time", prompt="p")
    kind = SLOT_TYPES["time"]
    assert kind.keyed(config, keys, TODAY) == value
    assert kind.spoken(config, said.interpretation, "en", TODAY) == value  # type: ignore[attr-defined]


@pytest.mark.parametrize("keys", ["2430", "1260", "930", "", "12*0"])
def test_what_is_no_time_of_day(keys: str) -> None:
    config = SlotConfig(slot="x", type="time", prompt="p")
    assert SLOT_TYPES["time"].keyed(config, keys, TODAY) is None


def test_free_text_is_taken_as_it_was_heard() -> None:
    config = SlotConfig(slot="x", type="text", prompt="p")
    said = heard("the  lift is broken\x00 again").interpretation
    assert SLOT_TYPES["text"].spoken(config, said, "en", TODAY) == "the lift is broken again"


@pytest.mark.parametrize(
    "number", ["112", "1-1-2", "+112", "911", "100", "000", "999", "0900 123 456", "+979123456789"]
)
def test_what_is_never_dialled(number: str) -> None:
    assert not may_dial(number, ["", "+", "0", "1", "9"])


@pytest.mark.parametrize("number", ["112", "1 1 2", "911", "000"])
def test_emergency_numbers_however_written(number: str) -> None:
    assert is_emergency(number)


def test_only_what_the_flow_allows_is_dialled() -> None:
    assert may_dial("+91 98765-43210", ["+91"])
    assert may_dial("0091 98765 43210", ["+91"])
    assert not may_dial("+44 20 7946 0000", ["+91"])
    assert not may_dial("+91", ["+91"])
    assert not may_dial("+9198765432101234", ["+91"])
    assert not may_dial("+91\u096f\u096e76543210", ["+91"])
    assert normalised("(0044) 20/79") == "+442079"


@given(st.text(max_size=20))
def test_whatever_comes_is_dialled_or_not(number: str) -> None:
    assert may_dial(number, ["+"]) in (True, False)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$.a", {"b": [1, {"c d": "x"}]}),
        ("a.b", [1, {"c d": "x"}]),
        ("$.a.b[0]", 1),
        ("$.a.b[-1]['c d']", "x"),
        ('$["a"].b[1]["c d"]', "x"),
        ("$.a.b[7]", None),
        ("$.a.b.c", None),
        ("$.a[0]", None),
    ],
)
def test_a_path_finds_one_value(path: str, found: object) -> None:
    assert json_path(path).find({"a": {"b": [1, {"c d": "x"}]}}) == found


@pytest.mark.parametrize("path", ["", "$", "$..a", "$.a[*]", "$.a[?(@.b)]", "a b", "$.a[1:2]", "."])
def test_what_may_name_several_values_is_refused(path: str) -> None:
    with pytest.raises(PathUnusable):
        json_path(path)


def entry(name: str, *phrases: str) -> KnowledgeEntry:
    return KnowledgeEntry(name=name, phrases={"en": phrases}, answer=name)


def test_rare_words_count_more_than_common_ones() -> None:
    search = WordOverlap(
        [entry("open", "when are you open", "are you open"), entry("fees", "what are the fees")]
    )
    assert search.find("the fees please", "en")[0].name == "fees"
    assert search.find("when are you open today", "en")[0].name == "open"
    assert search.find("bicycles", "en") == ()
    assert search.find("open", "hi") == ()


def test_the_word_that_stands_for_one_entry_alone_finds_it() -> None:
    search = WordOverlap(
        [
            entry("loan", "business loan", "a loan for my shop", "i need money"),
            entry("house", "i need a house", "help for my house", "my house"),
        ]
    )
    found = search.find("i need a loan for my been a", "en")
    assert found[0].name == "loan"
    assert found[1].score < 0.95 * found[0].score
    both = search.find("a loan or a house", "en")
    assert {one.name for one in both if one.score >= 0.95 * both[0].score} == {"loan", "house"}
    assert search.find("for my", "en")[0].score < 0.5


@given(st.text(max_size=60))
def test_scores_are_between_nothing_and_all(question: str) -> None:
    search = WordOverlap([entry("open", "when are you open"), entry("fees", "what are the fees")])
    for found in search.find(question, "en"):
        assert 0 < found.score <= 1
