"""A text as it is spoken: numbers, dates, times, sums, phone numbers and acronyms in words. Pure.

Templates mostly say values in words already (`{{ balance | money }}`). What is left in figures
comes from callers, other systems and authors, and engines read it each in its own way, models
that were trained on letters not at all. The words are data of each language (`ivr/languages`);
what a language has no words for stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from num2words import num2words

from ivr.languages.known import known_languages
from ivr.languages.known import language as known_language
from ivr.languages.spoken_values import (
    Unsayable,
    digits,
    money,
    number,
    spoken_date,
    spoken_time,
)
from ivr.speech.synthesis.engine import primary
from ivr.speech.synthesis.text import speakable

_SIGNS = {"₹": "INR", "Rs.": "INR", "Rs": "INR", "$": "USD", "€": "EUR", "£": "GBP"}
_CODES = "INR|USD|EUR|GBP"
_SUM = r"\d[\d,.]*\d|\d"
_BEFORE = r"(?<![\w.,-])"
_AFTER = r"(?![\w-]|[.,]\d)"

_DATE = re.compile(rf"{_BEFORE}(\d{{4}})-(\d\d)-(\d\d){_AFTER}")
_LOCAL_DATE = re.compile(rf"{_BEFORE}(\d\d?)[./](\d\d?)[./](\d{{4}}){_AFTER}")
_TIME = re.compile(rf"{_BEFORE}([01]?\d|2[0-3]):([0-5]\d)(?::[0-5]\d)?{_AFTER}")
_MONEY = re.compile(
    rf"{_BEFORE}(?:(?P<sign>₹|Rs\.?|\$|€|£)\s?|(?P<code>{_CODES})\s)(?P<sum>{_SUM}){_AFTER}"
    rf"|{_BEFORE}(?P<sum_first>{_SUM})\s?(?P<behind>€|₹|{_CODES}){_AFTER}"
)
_PHONE = re.compile(
    rf"{_BEFORE}\+\d[\d ()-]{{6,18}}\d{_AFTER}"
    rf"|{_BEFORE}\d{{3,5}}(?:[ -]\d{{3,5}}){{1,3}}{_AFTER}"
)
_PERCENT = re.compile(rf"{_BEFORE}({_SUM})\s?%(?!\w)")
_ORDINAL = re.compile(rf"{_BEFORE}(\d{{1,3}})(?:st|nd|rd|th)\b")
_NUMBER = re.compile(rf"{_BEFORE}-?(?:{_SUM}){_AFTER}")
_MIXED = re.compile(r"(?<![\w-])(?=\w*\d)(?=\w*[A-Z])[A-Z0-9]{2,24}(?![\w-])")
_CAPITALS = re.compile(r"(?<![\w-])[A-Z]{2,6}(?![\w-])")
_VOWELS = frozenset("AEIOUY")
_SPELLED_OUT_FROM = 6
"""Digits in a row that are read one by one: nobody counts an account number."""


@lru_cache(maxsize=4096)
def spoken_form(text: str, language: str) -> str:
    """`text` (see `speakable`) with its figures and acronyms in the words of `language`.

    What has been made so is not changed by doing it again.
    """
    plain = speakable(text)
    code = primary(language)
    if code not in known_languages():
        return plain
    if any(char.isdecimal() for char in plain):
        for pattern, say in _VALUES:
            plain = pattern.sub(lambda found, say=say: _kept(found, say, code), plain)  # type: ignore[misc]
    return _acronyms(plain, code)


def _kept(found: re.Match[str], say: Callable[[re.Match[str], str], str], language: str) -> str:
    """What is said for a match, or the match itself where it cannot be said."""
    try:
        return say(found, language)
    except (Unsayable, ValueError, OverflowError, NotImplementedError):
        return found.group()


def _date(found: re.Match[str], language: str) -> str:
    return spoken_date(found.group(), language)


def _local_date(found: re.Match[str], language: str) -> str:
    day, month, year = (int(part) for part in found.groups())
    return spoken_date(f"{year:04}-{month:02}-{day:02}", language)


def _time(found: re.Match[str], language: str) -> str:
    return spoken_time(f"{int(found[1]):02}:{found[2]}", language)


def _money(found: re.Match[str], language: str) -> str:
    sign = found["sign"] or found["behind"] or ""
    currency = found["code"] or _SIGNS.get(sign, sign)
    amount = _plain_number(found["sum"] or found["sum_first"], language)
    return money(amount, currency, language)


def _phone(found: re.Match[str], language: str) -> str:
    text = found.group()
    if not text.startswith("+") and sum(map(str.isdecimal, text)) < _SPELLED_OUT_FROM:
        return text
    plus = _words(language, "plus")
    figures = digits(text, language)
    return f"{plus} {figures}" if text.startswith("+") and plus else figures


def _percent(found: re.Match[str], language: str) -> str:
    word = _words(language, "percent")
    if not word:
        return found.group()
    return f"{_number_words(found[1], language)} {word}"


def _ordinal(found: re.Match[str], language: str) -> str:
    if language != "en":
        return found.group()
    return str(num2words(int(found[1]), lang="en", to="ordinal")).replace("-", " ")


def _mixed(found: re.Match[str], language: str) -> str:
    return digits(found.group(), language)


def _number(found: re.Match[str], language: str) -> str:
    return _number_words(found.group(), language)


_VALUES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], str], str]], ...] = (
    (_DATE, _date),
    (_LOCAL_DATE, _local_date),
    (_TIME, _time),
    (_MONEY, _money),
    (_PERCENT, _percent),
    (_PHONE, _phone),
    (_ORDINAL, _ordinal),
    (_MIXED, _mixed),
    (_NUMBER, _number),
)


def _number_words(text: str, language: str) -> str:
    plain = text.lstrip("-")
    if plain.isdecimal() and (
        len(plain) >= _SPELLED_OUT_FROM or (len(plain) > 1 and plain.startswith("0"))
    ):
        return digits(plain, language)
    value = _plain_number(text, language)
    whole, _, rest = value.partition(".")
    if not rest:
        return number(int(whole), language)
    point = _words(language, "point")
    if not point:
        raise Unsayable("no word for the decimal point")
    after = " ".join(digits(digit, language) for digit in rest)
    return f"{number(int(whole), language)} {point} {after}"


def _plain_number(text: str, language: str) -> str:
    """A number without marks between its thousands, and a point before its fraction.

    "1,250.50" in English and Hindi is "1.250,50" in Spanish. Raises ValueError.
    """
    decimal = "," if known_language(language).hearing.decimal == "," else "."
    thousands = "." if decimal == "," else ","
    if text.count(decimal) == 1 and thousands not in text:
        whole, _, rest = text.partition(decimal)
        return f"{whole}.{rest}"
    if text.count(decimal) > 1:
        raise ValueError("no number")
    whole, _, rest = text.partition(decimal)
    groups = whole.lstrip("-").split(thousands)
    if len(groups) > 1 and (len(groups[-1]) != 3 or any(not 0 < len(each) < 4 for each in groups)):
        raise ValueError("no number")
    plain = whole.replace(thousands, "")
    return f"{plain}.{rest}" if rest else plain


def _acronyms(text: str, language: str) -> str:
    """Acronyms letter by letter ("A-T-M", for "A T M" begins with an article), but for those that
    are said as a word. A sentence that is all in capitals has none."""
    letters = [char for char in text if char.isalpha()]
    if " " in text and all(char.isupper() for char in letters):
        return text
    words = known_language(language).speaking.words_in_capitals

    def say(found: re.Match[str]) -> str:
        word = found.group()
        pronounceable = len(word) > 3 and not _VOWELS.isdisjoint(word)
        return word if word in words or pronounceable else "-".join(word)

    return _CAPITALS.sub(say, text)


def _words(language: str, name: str) -> str:
    return known_language(language).speaking.signs.get(name, "")
