"""How likely a sentence is over."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ivr.nlu.endings import Endings, learn_endings
from ivr.nlu.training_data import parse_training_data
from ivr.settings import PROJECT

SAID = Endings(
    [
        *["what is my balance"] * 4,
        *["what is my balance in savings"] * 2,
        *["send money to raj", "send money to anna"] * 3,
        "hello",
    ]
)


def test_the_longest_known_last_words_decide() -> None:
    assert SAID.likelihood("what is my balance") == 4 / 6
    assert SAID.likelihood("and what is my balance?") == 4 / 6
    assert SAID.likelihood("send money") == 0.0
    assert SAID.likelihood("please send money to Raj") == 0.5


def test_what_callers_say_whole_has_an_end_whatever_mostly_follows_its_last_words() -> None:
    known = Endings(
        [
            *["what is there for me"] * 5,
            "what insurance is there",
            *["is there a pension", "is there a pension for women"],
        ],
        unfinished=["there"],
    )
    assert known.likelihood("is there") == 1 / 8
    assert known.likelihood("what is there") == 0.0
    assert known.likelihood("what insurance is there") == 1 / 2
    assert not known.wants_more("what insurance is there")
    assert known.wants_more("is there")


def test_what_is_not_known_is_neither_here_nor_there() -> None:
    assert SAID.likelihood("") == 0.5
    assert SAID.likelihood("hello") == 0.5
    assert SAID.likelihood("something else") == 0.5


@given(st.lists(st.text(max_size=40), max_size=10), st.text(max_size=40))
def test_a_likelihood_is_one_whatever_was_said(sentences: list[str], said: str) -> None:
    endings = Endings(sentences, kinds={"raj": "person"}, unfinished=["to"])
    assert 0.0 <= endings.likelihood(said) <= 1.0
    assert endings.wants_more(said) in (True, False)


def test_values_are_counted_by_what_they_are() -> None:
    marked = [f"    - send it to [{name}](person)" for name in ("raj", "anna", "priya")]
    text = 'version: "3.1"\nnlu:\n- intent: send\n  examples: |\n' + "\n".join(
        [*marked, "    - send it to [peter smith](person) please", "    - tell maria"]
    )
    known = Endings.of(parse_training_data(text))
    assert known.likelihood("send it to anna") == 3 / 4
    assert known.likelihood("give it to smith") == 3 / 4
    assert known.likelihood("maria") == 0.5


def test_what_was_counted_overrules_what_is_known_of_the_language() -> None:
    known = Endings(["thank you"] * 10 + ["can you help me"] * 10, unfinished=["you", "twenty"])
    assert not known.wants_more("thank you")
    assert known.wants_more("can you")
    assert known.wants_more("twenty")
    assert not known.wants_more("help me")
    assert not known.wants_more("")


def test_of_a_language_without_training_data_only_its_words_are_known(tmp_path: Path) -> None:
    unknown = learn_endings(tmp_path, ["en"])["en"]
    assert unknown.likelihood("i want to") == 0.5
    assert unknown.wants_more("i want to")
    known = learn_endings(PROJECT / "nlu_models" / "bank", ["en"])["en"]
    assert known.likelihood("i want to") < 0.1 < 0.5 < known.likelihood("block my card")
    assert not known.wants_more("thank you")
