"""English dates, spoken and written, relative to a given today.

A date without a year, and a weekday, is the next one to come: what people schedule lies ahead.
Dates in figures put the day first ("03/11/2026" is the third of November) unless that cannot be.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from ivr.nlu.numbers import DIGITS, TEENS, TENS, ascii_digits, read_below_hundred, word_at
from ivr.nlu.words import Word

MONTHS: Mapping[str, int] = {
    name.lower(): number
    for names in (calendar.month_name, calendar.month_abbr)
    for number, name in enumerate(names)
    if name
} | {"sept": 9}
WEEKDAYS: Mapping[str, int] = {name.lower(): day for day, name in enumerate(calendar.day_name)}

_ORDINALS: Mapping[str, int] = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7,
    "eighth": 8, "ninth": 9, "tenth": 10, "eleventh": 11, "twelfth": 12, "thirteenth": 13,
    "fourteenth": 14, "fifteenth": 15, "sixteenth": 16, "seventeenth": 17, "eighteenth": 18,
    "nineteenth": 19, "twentieth": 20, "thirtieth": 30,
}  # fmt: skip
_SUFFIXES = frozenset({"st", "nd", "rd", "th"})
_UNITS: Mapping[str, int] = {"day": 1, "days": 1, "week": 7, "weeks": 7}
_PHRASES: tuple[tuple[tuple[str, ...], int], ...] = (
    (("the", "day", "after", "tomorrow"), 2),
    (("day", "after", "tomorrow"), 2),
    (("the", "day", "before", "yesterday"), -2),
    (("day", "before", "yesterday"), -2),
    (("next", "week"), 7),
    (("last", "week"), -7),
    (("tomorrow",), 1),
    (("today",), 0),
    (("tonight",), 0),
    (("yesterday",), -1),
)
_PIVOT = 70
"""Two-figure years below it are of this century."""


@dataclass(frozen=True, slots=True)
class DateReading:
    """A date read from words `[first, after)`."""

    value: date
    first: int
    after: int


def find_dates(words: Sequence[Word], today: date) -> Iterator[DateReading]:
    """Every date in `words`, left to right, not overlapping."""
    at = 0
    while at < len(words):
        reading = next(filter(None, (read(words, at, today) for read in _READERS)), None)
        if reading is not None:
            yield reading
        at = reading.after if reading is not None else at + 1


def _phrase(words: Sequence[Word], at: int, today: date) -> DateReading | None:
    for phrase, days in _PHRASES:
        if all(word_at(words, at + offset) == word for offset, word in enumerate(phrase)):
            return _shifted(today, days, at, at + len(phrase))
    return None


def _distance(words: Sequence[Word], at: int, today: date) -> DateReading | None:
    """Such as "in three days", "two weeks ago"."""
    ahead = word_at(words, at) == "in"
    count = _count(words, at + ahead)
    if count is None or word_at(words, count[1]) not in _UNITS:
        return None
    days, after = count[0] * _UNITS[word_at(words, count[1])], count[1] + 1
    if ahead:
        return _shifted(today, days, at, after)
    return _shifted(today, -days, at, after + 1) if word_at(words, after) == "ago" else None


def _weekday(words: Sequence[Word], at: int, today: date) -> DateReading | None:
    which = word_at(words, at) if word_at(words, at) in {"next", "this", "last", "coming"} else ""
    name = at + bool(which)
    if word_at(words, name) not in WEEKDAYS:
        return None
    ahead = (WEEKDAYS[word_at(words, name)] - today.weekday()) % 7
    days = ahead - 7 if which == "last" else ahead or 7
    return _shifted(today, days, at, name + 1)


def _figures(words: Sequence[Word], at: int, today: date) -> DateReading | None:
    """Such as "03/11/2026", "3-11-26", "03.11.2026", "2026-11-03"."""
    parts, after = _figure_parts(words, at)
    if len(parts) != 3 or not all(part.isdecimal() and len(part) <= 4 for part in parts):
        return None
    slashed = word_at(words, at + 1) == "/"  # with dashes, 11-12-13 is rather a sort code
    first, second, third = (int(part) for part in parts)
    if len(parts[0]) == 4:
        value = _date(first, second, third)
    elif len(parts[0]) <= 2 and (len(parts[2]) == 4 or (len(parts[2]) == 2 and slashed)):
        year = third if len(parts[2]) == 4 else third + (2000 if third < _PIVOT else 1900)
        value = _date(year, second, first) or _date(year, first, second)
    else:
        value = None
    return DateReading(value, at, after) if value is not None else None


def _figure_parts(words: Sequence[Word], at: int) -> tuple[list[str], int]:
    dotted = ascii_digits(word_at(words, at)).split(".")
    if len(dotted) == 3:
        return dotted, at + 1
    marks = {word_at(words, at + 1), word_at(words, at + 3)}
    if marks not in ({"/"}, {"-"}):
        return [], at
    return [ascii_digits(word_at(words, at + offset)) for offset in (0, 2, 4)], at + 5


def _named(words: Sequence[Word], at: int, today: date) -> DateReading | None:
    """Such as "third of november [twenty twenty six]", "november third", "3rd nov 2026"."""
    month = MONTHS.get(word_at(words, at))
    if month is not None:
        if _year(words, at + 1) is not None:
            return None
        day = _day(words, at + 2 if word_at(words, at + 1) == "the" else at + 1)
        if day is None:
            return None
        number, after = day
    else:
        day = _day(words, at + 1 if word_at(words, at) == "the" else at)
        if day is None:
            return None
        number, after = day
        after += word_at(words, after) == "of"
        month = MONTHS.get(word_at(words, after))
        after += 1
        if month is None:
            return None
    comma = word_at(words, after) in {",", "in"}
    year = _year(words, after + comma)
    if year is not None:
        value, after = _date(year[0], month, number), year[1]
    else:
        value = _next_such(today, month, number)
    return DateReading(value, at, after) if value is not None else None


def _of_month(words: Sequence[Word], at: int, today: date) -> DateReading | None:
    """Such as "the fifth", "on the 21st": the next day of that number; not "the first card"."""
    if word_at(words, at) != "the" or word_at(words, at - 1) not in {"on", "by", ""}:
        return None
    day = _day(words, at + 1)
    if day is None or day[1] < len(words) or not _ordinal(words, at + 1):
        return None
    for months in range(3):
        years, month = divmod(today.month - 1 + months, 12)
        value = _date(today.year + years, month + 1, day[0])
        if value is not None and value >= today:
            return DateReading(value, at, day[1])
    return None


_READERS: tuple[Callable[[Sequence[Word], int, date], DateReading | None], ...] = (
    _phrase,
    _distance,
    _weekday,
    _figures,
    _named,
    _of_month,
)


def _ordinal(words: Sequence[Word], at: int) -> bool:
    suffixed = word_at(words, at).isdecimal() and word_at(words, at + 1) in _SUFFIXES
    tens = 2 if word_at(words, at + 1) == "-" else 1
    return (
        suffixed
        or word_at(words, at) in _ORDINALS
        or (word_at(words, at) in TENS and word_at(words, at + tens) in _ORDINALS)
    )


def _day(words: Sequence[Word], at: int) -> tuple[int, int] | None:
    """A day of a month, 1..31, as (day, after)."""
    word = word_at(words, at)
    tens = at + (2 if word_at(words, at + 1) == "-" else 1)
    if word in _ORDINALS:
        day, after = _ORDINALS[word], at + 1
    elif word in TENS and 1 <= _ORDINALS.get(word_at(words, tens), 0) <= 9:
        day, after = TENS[word] + _ORDINALS[word_at(words, tens)], tens + 1
    elif word.isdecimal() and len(word) <= 2:
        day, after = int(word), at + 1 + (word_at(words, at + 1) in _SUFFIXES)
    else:
        spoken = read_below_hundred(words, at)
        if spoken is None:
            return None
        day, after = spoken
    return (day, after) if 1 <= day <= 31 else None


def _year(words: Sequence[Word], at: int) -> tuple[int, int] | None:
    """A year of four figures as (year, after): "2026", "twenty twenty six", "two thousand six"."""
    word = word_at(words, at)
    if word.isdecimal() and len(word) == 4:
        return int(word), at + 1
    if [word, word_at(words, at + 1)] == ["two", "thousand"]:
        rest = at + 2 + (word_at(words, at + 2) == "and")
        tail = read_below_hundred(words, rest)
        return (2000 + tail[0], tail[1]) if tail is not None else (2000, at + 2)
    century = {"nineteen": 1900, "twenty": 2000}.get(word)
    if century is None:
        return None
    if word_at(words, at + 1) in {"oh", "o"}:
        unit = DIGITS.get(word_at(words, at + 2), 0)
        return (century + unit, at + 3) if unit else None
    if word_at(words, at + 1) in TENS or word_at(words, at + 1) in TEENS:
        tail = read_below_hundred(words, at + 1)
        return (century + tail[0], tail[1]) if tail is not None else None
    return None


def _count(words: Sequence[Word], at: int) -> tuple[int, int] | None:
    word = word_at(words, at)
    if word in {"a", "one"}:
        return 1, at + 1
    if word.isdecimal() and len(word) <= 3:
        return int(word), at + 1
    return read_below_hundred(words, at)


def _next_such(today: date, month: int, day: int) -> date | None:
    """The first such day from today on; leap days may be eight years off."""
    candidates = (_date(today.year + years, month, day) for years in range(9))
    return next((value for value in candidates if value is not None and value >= today), None)


def _shifted(today: date, days: int, first: int, after: int) -> DateReading | None:
    try:
        return DateReading(today + timedelta(days=days), first, after)
    except OverflowError:
        return None


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
