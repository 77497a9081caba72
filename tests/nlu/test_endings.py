"""How likely a sentence is over."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ivr.nlu.endings import Endings, learn_endings
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


def test_what_is_not_known_is_neither_here_nor_there() -> None:
    assert SAID.likelihood("") == 0.5
    assert SAID.likelihood("hello") == 0.5
    assert SAID.likelihood("something else") == 0.5


@given(st.lists(st.text(max_size=40), max_size=10), st.text(max_size=40))
def test_a_likelihood_is_one_whatever_was_said(sentences: list[str], said: str) -> None:
    assert 0.0 <= Endings(sentences).likelihood(said) <= 1.0


def test_a_language_without_training_data_is_left_out(tmp_path: Path) -> None:
    assert learn_endings(tmp_path, ["xx"]) == {}
    known = learn_endings(PROJECT / "nlu_models" / "bank", ["en"])["en"]
    assert known.likelihood("i want to") < 0.1 < 0.5 < known.likelihood("block my card")
