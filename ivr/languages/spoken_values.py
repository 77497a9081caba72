"""Values as people say them: digits one by one, sums of money, dates, times of day.

The words are data: `speaking` of each language in `ivr/languages`. Where num2words counts in a
language, it does; for others (Hindi's numbers below a hundred are irregular, and num2words has
none) the language has a table of its own. In a language that has neither, figures are left as
figures, which speech engines read.
"""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from num2words import num2words

from ivr.languages.known import language as known_language
from ivr.languages.language import Speaking

_LARGEST = 10**12
"""Beyond this nobody follows a spoken number."""


class Unsayable(ValueError):
    """The value is not of the kind that was to be said."""


@lru_cache(maxsize=8192)
def number(value: int, language: str) -> str:
    """A whole number in words. Raises Unsayable beyond a million millions."""
    if abs(value) >= _LARGEST:
        raise Unsayable("the number is too large to be said")
    speaking = _speaking(language)
    if value < 0:
        return f"{speaking.minus} {number(-value, language)}"
    if speaking.num2words is not None:
        words = str(num2words(value, lang=speaking.num2words))
        return words.replace(",", "").replace("-", " ")
    if speaking.below_100:
        return _counted(value, speaking)
    return str(value)


def digits(value: str, language: str) -> str:
    """Say it one by one, letters too: "447" as "four four seven".

    Long ones get a breath after each three.
    """
    kept = [char for char in value if char.isalnum()]
    if len(kept) > 64:
        raise Unsayable("too many digits to be said")
    names = _speaking(language).digits
    words = [_digit(char, names) for char in kept]
    if len(words) <= 4:
        return " ".join(words)
    groups = [" ".join(words[place : place + 3]) for place in range(0, len(words), 3)]
    return ", ".join(groups)


def money(value: str, currency: str, language: str) -> str:
    """A sum as people say it: "250.50" INR as "two hundred and fifty rupees and fifty paise"."""
    try:
        amount = Decimal(value)
    except InvalidOperation:
        raise Unsayable("not a sum of money") from None
    if not amount.is_finite() or abs(amount) >= _LARGEST:
        raise Unsayable("not a sum of money that can be said")
    hundredths = int(abs(amount).quantize(Decimal("0.01")) * 100)
    whole, rest = divmod(hundredths, 100)
    speaking = _speaking(language)
    code = currency.upper()
    one, many, one_rest, many_rest = speaking.currencies.get(code, (currency, currency, "", ""))
    parts = []
    if whole or not rest:
        parts.append(f"{_counting(whole, code, language)} {one if whole == 1 else many}")
    if rest:
        said = f"{_counting(rest, code, language)} {one_rest if rest == 1 else many_rest}"
        parts.append(said.strip())
    joint = f" {speaking.and_} " if speaking.and_ else ", "
    spoken = joint.join(parts)
    return f"{speaking.minus} {spoken}" if amount < 0 else spoken


def spoken_date(value: str, language: str) -> str:
    """An ISO 8601 date as people say it: "the third of november twenty twenty six"."""
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise Unsayable("not a date") from None
    speaking = _speaking(language)
    if speaking.date is None or not speaking.months:
        return value
    return speaking.date.format(
        day=number(day.day, language),
        ordinal=_ordinal(day.day, language),
        month=speaking.months[day.month - 1],
        year=_year(day.year, language),
    )


def spoken_time(value: str, language: str) -> str:
    """A time of day, "14:30", as people say it: "two thirty in the afternoon"."""
    try:
        moment = time.fromisoformat(value)
    except ValueError:
        raise Unsayable("not a time of day") from None
    speaking = _speaking(language)
    if speaking.time is None:
        return value
    part = next((name for hour, name in speaking.day_parts[::-1] if hour <= moment.hour), "")
    shape = speaking.time if moment.minute else speaking.full_hour or speaking.time
    said = shape.format(
        hour=number((moment.hour + 11) % 12 + 1, language),
        minute=number(moment.minute, language),
        part=part,
    )
    return said.strip()


def _speaking(language: str) -> Speaking:
    return known_language(language).speaking


def _counting(value: int, currency: str, language: str) -> str:
    """A number before the currency it counts: Spanish "uno" is "un euro", but "una rupia"."""
    before = _speaking(language).before_currencies
    forms = before.get(currency, before.get("*", {}))
    words = number(value, language).split()
    return " ".join(forms.get(word, word) for word in words)


@lru_cache(maxsize=256)
def _ordinal(value: int, language: str) -> str:
    return _rendered(value, language, "ordinal")


@lru_cache(maxsize=256)
def _year(value: int, language: str) -> str:
    return _rendered(value, language, "year")


def _rendered(value: int, language: str, form: str) -> str:
    counts = _speaking(language).num2words
    if counts is None:
        return number(value, language)
    try:
        words = str(num2words(value, lang=counts, to=form))
    except NotImplementedError:
        return number(value, language)
    return words.replace(",", "").replace("-", " ")


def _digit(char: str, names: tuple[str, ...]) -> str:
    if not char.isdecimal():
        return char
    return names[int(char)] if names else str(int(char))


def _counted(value: int, speaking: Speaking) -> str:
    """Counted in the language's own scales: hundred, thousand, lakh and crore in Hindi."""
    if value < 100:
        return speaking.below_100[value]
    words = []
    for size, name in speaking.scales:
        count, value = divmod(value, size)
        if count:
            words.append(f"{_counted(count, speaking)} {name}")
    if value:
        words.append(speaking.below_100[value])
    return " ".join(words)
