from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.languages.spoken_values import Unsayable, digits, money, number, spoken_date


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "शून्य"),
        (99, "निन्यानवे"),
        (100, "एक सौ"),
        (250, "दो सौ पचास"),
        (1250, "एक हज़ार दो सौ पचास"),
        (150_000, "एक लाख पचास हज़ार"),
        (23_456_789, "दो करोड़ चौंतीस लाख छप्पन हज़ार सात सौ नवासी"),
    ],
)
def test_numbers_in_hindi(value: int, said: str) -> None:
    assert number(value, "hi") == said


@pytest.mark.parametrize(
    ("value", "currency", "said"),
    [
        ("250.00", "INR", "two hundred and fifty rupees"),
        ("1250", "INR", "one thousand two hundred and fifty rupees"),
        ("1.00", "INR", "one rupee"),
        ("80.50", "INR", "eighty rupees and fifty paise"),
        ("0.01", "USD", "one cent"),
        ("0", "EUR", "zero euros"),
        ("-5", "GBP", "minus five pounds"),
        ("21.00", "INR", "twenty one rupees"),
    ],
)
def test_money_in_english(value: str, currency: str, said: str) -> None:
    assert money(value, currency, "en") == said


def test_money_in_hindi_and_elsewhere() -> None:
    assert money("80.50", "INR", "hi") == "अस्सी रुपये और पचास पैसे"
    assert money("80.50", "CHF", "xx") == "80 CHF, 50"


@pytest.mark.parametrize("value", ["", "abc", "NaN", "Infinity", "1e99"])
def test_what_is_no_money_is_unsayable(value: str) -> None:
    with pytest.raises(Unsayable):
        money(value, "INR", "en")


def test_digits_one_by_one() -> None:
    assert digits("0471", "en") == "zero four seven one"
    assert digits("447-123", "en") == "four four seven, one two three"
    assert digits("T01", "en") == "T zero one"
    assert digits("42", "hi") == "चार दो"


def test_dates() -> None:
    assert spoken_date("2026-01-21", "en") == "the twenty first of january twenty twenty six"
    assert spoken_date("2026-01-21", "hi") == "इक्कीस जनवरी दो हज़ार छब्बीस"
    with pytest.raises(Unsayable):
        spoken_date("tomorrow", "en")


@given(st.integers(min_value=0, max_value=10**11))
def test_each_number_has_words_of_its_own(value: int) -> None:
    for language in ("en", "hi"):
        said = number(value, language)
        assert said != number(value + 1, language)
        assert not any(char.isdigit() for char in said)
