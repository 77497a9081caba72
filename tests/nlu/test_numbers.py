"""Numbers as people say and write them."""

from __future__ import annotations

import random
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from num2words import num2words

from ivr.nlu.entities import find_entities
from ivr.nlu.numbers import parse_number

TODAY = date(2026, 7, 15)
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def values(text: str, kind: str) -> list[str]:
    return [entity.value for entity in find_entities(text, TODAY) if entity.kind == kind]


@given(st.integers(0, 9_999_999), st.booleans(), st.booleans(), st.booleans())
def test_every_number_in_words_is_read_back(
    number: int, indian: bool, hyphens: bool, conjunctions: bool
) -> None:
    spoken = num2words(number, lang="en_IN" if indian else "en")
    if not hyphens:
        spoken = spoken.replace("-", " ").replace(",", "")
    if not conjunctions:
        spoken = spoken.replace(" and ", " ")
    assert parse_number(spoken) == number
    assert values(f"please send {spoken} dollars to john", "amount") == [f"{number}.00"]
    if number >= 10:
        assert str(number) in values(f"it is {spoken}", "digits")


@given(st.integers(0, 10**11))
def test_every_number_in_figures_is_read_back(number: int) -> None:
    for written in (str(number), f"{number:,}"):
        assert parse_number(written) == number


@given(st.text("0123456789", min_size=3, max_size=16), st.randoms(use_true_random=False))
def test_spoken_digits_are_read_back(digits: str, dice: random.Random) -> None:
    """However it is said: "double four", "triple nine", "oh" or "zero"."""
    assert values(f"my number is {spoken_digits(digits, dice)}", "digits") == [digits]


def spoken_digits(digits: str, dice: random.Random) -> str:
    words: list[str] = []
    at = 0
    while at < len(digits):
        digit = digits[at]
        name = dice.choice(["oh", "zero"]) if digit == "0" else NAMES[int(digit)]
        same = len(digits[at:]) - len(digits[at:].lstrip(digit))
        repeat = dice.randint(1, min(same, 3))
        words.append({1: "", 2: "double ", 3: "triple "}[repeat] + name)
        at += repeat
    return " ".join(words)


@pytest.mark.parametrize(
    ("said", "digits", "amounts"),
    [
        ("double four seven", ["447"], []),
        ("triple nine", ["999"], []),
        ("double oh seven", ["007"], []),
        ("four four seven one two three", ["447123"], []),
        ("447123", ["447123"], ["447123.00"]),
        ("447-123", ["447123"], []),
        ("4 4 7, 1 2 3", ["447123"], []),
        ("four four uh seven", ["447"], []),
        ("0042", ["0042"], []),
        ("forty seven twelve", ["4712"], ["4712.00"]),
        ("two fifty", ["250"], ["250.00"]),
        ("two fifty dollars", [], ["250.00"]),
        ("one eight hundred five five five", ["1800555"], []),
        ("fifty", ["50"], ["50.00"]),
        ("twenty-five", ["25"], ["25.00"]),
        ("two hundred and fifty rupees", [], ["250.00"]),
        ("1,250.50", [], ["1250.50"]),
        ("1,25,000 rupees", [], ["125000.00"]),
        ("$250", [], ["250.00"]),
        ("rs. 500", [], ["500.00"]),
        ("one and a half thousand", [], ["1500.00"]),
        ("two and a half lakh", [], ["250000.00"]),
        ("half a million", [], ["500000.00"]),
        ("two point five million", [], ["2500000.00"]),
        ("twelve point fifty", [], ["12.50"]),
        ("a hundred dollars", [], ["100.00"]),
        ("a dollar", [], ["1.00"]),
        ("5k", [], ["5000.00"]),
        ("two thousand five hundred", ["2500"], ["2500.00"]),
        ("nineteen hundred", ["1900"], ["1900.00"]),
        ("twenty five hundred", ["2500"], ["2500.00"]),
        ("three lakh twenty thousand", ["320000"], ["320000.00"]),
        ("one crore", ["10000000"], ["10000000.00"]),
        ("five dollars fifty", [], ["5.50"]),
        ("five dollars and fifty cents", [], ["5.50"]),
        ("ten rupees and fifty paise", [], ["10.50"]),
        ("fifty cents", [], ["0.50"]),
        ("oh five hundred dollars", [], ["500.00"]),
        ("oh four seven", ["047"], []),
        ("\u0968\u096b\u0966", ["250"], ["250.00"]),
        ("between fifty and sixty dollars", ["50"], ["50.00", "60.00"]),
        ("nine o'clock", ["9"], []),
        ("oh i see", [], []),
        ("oh oh", [], []),
        ("the other one", [], []),
        ("one moment please", [], []),
        ("no one told me", [], []),
        ("no one two three five", ["1235"], []),
        ("double", [], []),
        ("double trouble", [], []),
        ("9" * 5000, ["9" * 2000], []),
    ],
)
def test_readings(said: str, digits: list[str], amounts: list[str]) -> None:
    assert values(said, "digits") == digits
    assert values(said, "amount") == amounts


@pytest.mark.parametrize("text", ["", "hello", "one two", "fifty dollars", "and", "half"])
def test_what_is_no_number_is_none(text: str) -> None:
    assert parse_number(text) is None


def test_a_decimal_is_exact() -> None:
    assert parse_number("three point one four") == Decimal("3.14")
