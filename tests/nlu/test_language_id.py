"""Which language a sentence is in: right, or silent."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.nlu.language_id import identify
from ivr.nlu.training_data import load_training_data
from ivr.settings import PROJECT

OFFERED = ("en", "hi", "es")
BANK = PROJECT / "nlu_models" / "bank"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("what is my balance", "en"),
        ("quiero saber mi saldo", "es"),
        ("मेरा बैलेंस कितना है", "hi"),
        ("account का balance", "hi"),
        ("mujhe paise bhejne hain kripya", "hi"),
        ("", None),
        ("no", None),
        ("447123", None),
        ("xqzt wvkj", None),
    ],
)
def test_sentences(text: str, code: str | None) -> None:
    assert identify(text, OFFERED) == code


def test_only_what_is_offered_is_found() -> None:
    assert identify("quiero saber mi saldo", ("en", "hi")) != "es"
    assert identify("quiero saber mi saldo", ("es", "tlh")) == "es"
    assert identify("anything at all", ()) is None


@pytest.mark.parametrize(("code", "right", "wrong"), [("en", 0.93, 0.02), ("es", 0.88, 0.02)])
def test_what_callers_say_is_rarely_taken_for_another_language(
    code: str, right: float, wrong: float
) -> None:
    folder: Path = BANK / code
    taught = load_training_data(folder).intents.values()
    said = [example.text for examples in taught for example in examples]
    told = [identify(text, OFFERED) for text in said]
    assert sum(found == code for found in told) / len(said) >= right
    assert sum(found not in {code, None} for found in told) / len(said) <= wrong


@given(st.text(), st.lists(st.sampled_from([*OFFERED, "tlh"])))
def test_whatever_is_said_it_is_one_of_those_or_none(text: str, offered: list[str]) -> None:
    assert identify(text, offered) in {None, *offered}
