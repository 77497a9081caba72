"""What a turn's words tell of the caller's mood."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.nlu.sentiment import sentiment_of


@pytest.mark.parametrize(
    ("code", "text", "label"),
    [
        ("en", "what is my balance", "neutral"),
        ("en", "i lost my card", "neutral"),
        ("en", "four four seven one two three", "neutral"),
        ("en", "thank you so much that was really helpful", "positive"),
        ("en", "this is not good", "negative"),
        ("en", "this is really terrible i am fed up", "negative"),
        ("en", "not bad", "positive"),
        ("es", "muchas gracias, muy amable", "positive"),
        ("es", "esto es una vergüenza, estoy harto", "negative"),
        ("es", "quiero saber mi saldo", "neutral"),
        ("hi", "बहुत अच्छा, धन्यवाद", "positive"),
        ("hi", "यह अच्छा नहीं है", "negative"),
        ("hi", "bahut kharab service hai", "negative"),
        ("hi", "mera balance kitna hai", "neutral"),
        ("xx", "thank you", "neutral"),
    ],
)
def test_moods(code: str, text: str, label: str) -> None:
    found = sentiment_of(text, code)
    assert found.label == label, found
    assert not found.abusive


@pytest.mark.parametrize(
    ("code", "text"),
    [("en", "you stupid machine"), ("es", "eres idiota"), ("hi", "तुम बेवकूफ हो"), ("hi", "gadhe")],
)
def test_insults(code: str, text: str) -> None:
    found = sentiment_of(text, code)
    assert found.abusive
    assert found.label == "negative"


def test_stronger_words_count_for_more() -> None:
    plain, strong = sentiment_of("it is bad", "en"), sentiment_of("it is very bad", "en")
    assert strong.score < plain.score < 0


@given(st.text() | st.lists(st.sampled_from("not very good bad you idiot".split())).map(" ".join))
def test_whatever_is_said_the_score_is_one(text: str) -> None:
    for code in ("en", "hi", "es", "xx"):
        assert -1 < sentiment_of(text, code).score < 1
