from __future__ import annotations

import json

import pytest

from ivr.speech.recognition.grammar import grammar, words_of
from ivr.speech.recognition.vocabulary import vocabulary
from tests.speech.conftest import MODEL

KNOWN = {"yes", "no", "check", "my", "balance", "don't", "हाँ"}


def phrases_in(made: str | None) -> list[str]:
    assert made is not None
    found: list[str] = json.loads(made)
    return found


def test_a_grammar_holds_the_phrases_and_a_way_out() -> None:
    made, missing = grammar(["yes", "check my balance"], KNOWN.__contains__)
    assert phrases_in(made) == ["yes", "check my balance", "[unk]"]
    assert missing == frozenset()


def test_words_are_spelt_as_models_spell_them() -> None:
    assert words_of("Don\u2019t check: “MY balance”!".replace("“", '"').replace("”", '"')) == [
        "don't",
        "check",
        "my",
        "balance",
    ]


def test_unknown_words_are_left_out_and_named() -> None:
    made, missing = grammar(["check my klingon balance", "xylophone", "no"], KNOWN.__contains__)
    assert phrases_in(made) == ["check my balance", "no", "[unk]"]
    assert missing == {"klingon", "xylophone"}


@pytest.mark.parametrize("phrases", [[], [""], ["  ", "?!"], ["xylophone", "klingon"]])
def test_a_grammar_in_which_nothing_can_be_said_is_none(phrases: list[str]) -> None:
    assert grammar(phrases, KNOWN.__contains__)[0] is None


def test_a_phrase_counts_once_and_other_scripts_are_kept() -> None:
    made, _ = grammar(["Yes.", "yes", "हाँ।"], KNOWN.__contains__)
    assert phrases_in(made) == ["yes", "हाँ", "[unk]"]


def test_the_bundled_model_says_what_it_knows() -> None:
    words = vocabulary(MODEL)
    assert words is not None
    assert {"balance", "seven", "agent", "o'clock"} <= words
    assert "giraffe" not in words
    assert not {"<eps>", "[unk]", "#0", "<s>"} & words
    assert len(words) == 1359


def test_a_model_that_does_not_say_is_not_guessed(tmp_path: object) -> None:
    assert vocabulary(MODEL / "am") is None
