"""Dates, agreement, and what must hold for any text at all."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.nlu.entities import find_entities

TODAY = date(2026, 7, 15)  # a Wednesday
WORDS = st.sampled_from(
    "oh double triple one twelve fifty hundred thousand lakh and a half point dollars cents the "
    "of third may november next monday in days ago yes no not that's $ 12 1,250.50 03/11/2026 - , "
    "rs . week \u0661\u0662 \u00bd \u0130".split()
)


def values(text: str, kind: str, today: date = TODAY) -> list[str]:
    return [entity.value for entity in find_entities(text, today) if entity.kind == kind]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("today", "2026-07-15"),
        ("pay it tomorrow please", "2026-07-16"),
        ("the day after tomorrow", "2026-07-17"),
        ("yesterday", "2026-07-14"),
        ("day before yesterday", "2026-07-13"),
        ("next week", "2026-07-22"),
        ("in three days", "2026-07-18"),
        ("in a week", "2026-07-22"),
        ("2 weeks ago", "2026-07-01"),
        ("next monday", "2026-07-20"),
        ("on wednesday", "2026-07-22"),
        ("last wednesday", "2026-07-08"),
        ("last monday", "2026-07-13"),
        ("third of november", "2026-11-03"),
        ("the third of march", "2027-03-03"),
        ("november third twenty twenty six", "2026-11-03"),
        ("november the third", "2026-11-03"),
        ("november three", "2026-11-03"),
        ("3rd nov 2027", "2027-11-03"),
        ("twenty first of may nineteen eighty five", "1985-05-21"),
        ("may fifth two thousand and six", "2006-05-05"),
        ("june tenth twenty oh five", "2005-06-10"),
        ("february twenty ninth", "2028-02-29"),
        ("03/11/2026", "2026-11-03"),
        ("3/11/26", "2026-11-03"),
        ("11/13/2026", "2026-11-13"),
        ("03.11.2026", "2026-11-03"),
        ("2026-11-03", "2026-11-03"),
        ("on the fifth", "2026-08-05"),
        ("by the thirty first", "2026-07-31"),
    ],
)
def test_dates(said: str, expected: str) -> None:
    assert values(said, "date") == [expected]
    assert not values(said, "digits")
    assert not values(said, "amount")


@pytest.mark.parametrize(
    "said",
    ["the first card", "31/02/2026", "february thirtieth", "may i", "11-12-13", "a second", "1/2",
     "november twenty twenty six", "march"],
)  # fmt: skip
def test_what_is_no_date(said: str) -> None:
    assert not values(said, "date")


@given(st.dates(date(1971, 1, 1), date(2069, 12, 31)))
def test_every_date_in_figures_is_read_back(day: date) -> None:
    for written in (day.isoformat(), f"{day:%d/%m/%Y}", f"{day:%d/%m/%y}", f"{day:%d %B %Y}"):
        assert values(f"on {written} please", "date") == [day.isoformat()]


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(1, 7))
def test_a_weekday_is_the_next_one(today: date, ahead: int) -> None:
    coming = today + timedelta(days=ahead)
    assert values(f"next {coming:%A}", "date", today) == [coming.isoformat()]


@given(st.sampled_from([date.min, date.max]), st.lists(WORDS, max_size=8))
def test_the_ends_of_time_do_not_raise(today: date, words: list[str]) -> None:
    find_entities(" ".join(["tomorrow", "yesterday", "the fifth", *words]), today)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("yes", ["yes"]),
        ("uh yeah that's right", ["yes", "yes"]),
        ("go ahead", ["yes"]),
        ("of course", ["yes"]),
        ("no problem", ["yes"]),
        ("no", ["no"]),
        ("that's not right", ["no"]),
        ("not really", ["no"]),
        ("no i mean five six", ["no"]),
        ("yeah no", ["yes", "no"]),
        ("what is the right number", []),
        ("i have no money", []),
        ("", []),
    ],
)
def test_yes_and_no_open_an_utterance(said: str, expected: list[str]) -> None:
    assert values(said, "yes_no") == expected


@given(st.one_of(st.text(), st.lists(WORDS, max_size=12).map(" ".join)))
def test_any_text_gives_entities_in_order_and_in_place(text: str) -> None:
    entities = find_entities(text, TODAY)
    assert list(entities) == sorted(entities, key=lambda entity: (entity.start, entity.end))
    for entity in entities:
        assert entity.value
        assert entity.text == text[entity.start : entity.end] != ""
