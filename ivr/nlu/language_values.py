"""Values in any language whose number words are data: digits, amounts, dates, yes and no.

The words come from `hearing` of the language's file in `ivr/languages`. English has finer rules of
its own in `entities`; these cover what callers of a bank say: "fifty rupees", "double four seven",
"3 November", "tomorrow", also where two languages are mixed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from unicodedata import normalize

from ivr.languages.language import Language
from ivr.nlu.interpreter import Entity
from ivr.nlu.words import Word, split_words

_MOST_CHARACTERS = 2000
_MOST_DIGITS = 12
_MOST_FIGURES = 9


def find_language_values(text: str, language: Language, today: date) -> tuple[Entity, ...]:
    """The values in `text`, in order of their place. Never raises. Kinds as in `find_entities`."""
    if not language.hearing.numbers:
        return ()
    reader = _Reader(text[:_MOST_CHARACTERS], _words_of(language), today)
    return tuple(sorted(reader.values(), key=lambda entity: (entity.start, entity.end)))


@dataclass(frozen=True, slots=True)
class _Words:
    """The words of a language, composed and in lower case."""

    numbers: Mapping[str, int]
    scales: Mapping[str, int]
    joints: frozenset[str]
    repeats: Mapping[str, int]
    currencies: frozenset[str]
    minor: frozenset[str]
    months: Mapping[str, int]
    days: Mapping[str, int]
    of: frozenset[str]
    articles: frozenset[str]
    decimal: str
    between: frozenset[str]
    """What may stand between units and hundredths."""
    openers: frozenset[str]
    yes: tuple[tuple[str, ...], ...]
    no: tuple[tuple[str, ...], ...]


@lru_cache(maxsize=64)
def _words_of(language: Language) -> _Words:
    hearing = language.hearing

    def keyed(words: Mapping[str, int]) -> dict[str, int]:
        return {_plain(word): value for word, value in words.items()}

    def phrases(words: Sequence[str]) -> tuple[tuple[str, ...], ...]:
        found = {tuple(_plain(phrase).split()) for phrase in words}
        return tuple(sorted(found, key=len, reverse=True))

    return _Words(
        numbers=keyed(hearing.numbers),
        scales=keyed(hearing.scales),
        joints=frozenset(map(_plain, hearing.joints)),
        repeats=keyed(hearing.repeats),
        currencies=frozenset(map(_plain, hearing.currencies)),
        minor=frozenset(map(_plain, hearing.minor)),
        months=keyed(hearing.months),
        days=keyed(hearing.days),
        of=frozenset(map(_plain, hearing.of)),
        articles=frozenset(map(_plain, hearing.articles)),
        decimal=hearing.decimal,
        between=frozenset(map(_plain, (*hearing.joints, language.speaking.and_ or ""))),
        openers=frozenset(map(_plain, hearing.openers)),
        yes=phrases(language.yes),
        no=phrases(language.no),
    )


def _plain(text: str) -> str:
    return normalize("NFC", text.lower())


@dataclass(frozen=True, slots=True)
class _Number:
    """A number in words `[first, after)`: its value, and its digits one by one where it was said
    so.
    """

    value: Decimal
    digits: str
    after: int
    chunks: int
    """Out of how many numbers the digits are put together."""


@dataclass(slots=True)
class _Reader:
    """One pass over one text."""

    text: str
    words: _Words
    today: date
    _at: list[Word] = field(init=False)
    _plain: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self._at = split_words(self.text)
        self._plain = [_plain(word.text) for word in self._at]

    def values(self) -> Iterator[Entity]:
        yield from self._yes_or_no()
        place = 0
        while place < len(self._plain):
            entities, after = self._date(place) or self._amount(place) or ((), place + 1)
            yield from entities
            place = after

    def _word(self, place: int) -> str:
        return self._plain[place] if 0 <= place < len(self._plain) else ""

    def _entity(self, kind: str, value: str, first: int, after: int) -> Entity:
        start, end = self._at[first].start, self._at[after - 1].end
        return Entity(kind=kind, value=value, text=self.text[start:end], start=start, end=end)

    def _date(self, place: int) -> tuple[tuple[Entity, ...], int] | None:
        words = self.words
        if self._word(place) in words.days:
            day = self.today + timedelta(days=words.days[self._word(place)])
            return (self._entity("date", day.isoformat(), place, place + 1),), place + 1
        number = self._number(place)
        if number is None or number.chunks != 1:
            return None
        after = number.after
        while self._word(after) in self.words.of:
            after += 1
        month = words.months.get(self._word(after))
        if month is None:
            return None
        found = _next_day(int(number.value), month, self.today)
        if found is None:
            return None
        return (self._entity("date", found.isoformat(), place, after + 1),), after + 1

    def _amount(self, place: int) -> tuple[tuple[Entity, ...], int] | None:
        first = place
        if self._word(place) in self.words.currencies:
            first += 1
        number = self._number(first)
        if number is None:
            return None
        after = number.after
        money = first > place
        value = number.value
        if self._word(after) in self.words.currencies:
            money, after = True, after + 1
            cents = self._number(after + (self._word(after) in self.words.between))
            if cents is not None and self._word(cents.after) in self.words.minor:
                value += cents.value / 100
                after = cents.after + 1
        elif self._word(after) in self.words.minor:
            money, value, after = True, value / 100, after + 1
        alone = after - place == 1 and self._word(place) in self.words.articles
        if alone and not money and len(self._plain) > 1:
            return None
        whole = value == value.to_integral_value()
        if money and len(number.digits) <= _MOST_FIGURES:
            return (self._entity("amount", f"{value:.2f}", place, after),), after
        entities = [self._entity("digits", number.digits, place, after)] if whole else []
        if number.chunks == 1 and len(number.digits) <= _MOST_FIGURES:
            entities.append(self._entity("amount", f"{value:.2f}", place, after))
        return tuple(entities), after

    def _number(self, place: int) -> _Number | None:
        """The numbers that follow one another, from word `place` on."""
        chunks: list[str] = []
        value = Decimal(0)
        after = place
        while len("".join(chunks)) <= _MOST_DIGITS:
            times = self.words.repeats.get(self._word(after), 1)
            read = self._quantity(after + (times > 1))
            if read is None:
                break
            value, end = read
            chunks.append(_figures(value, self._word(end - 1)) * times)
            after = end
        if not chunks:
            return None
        digits = "".join(chunks)
        whole = value if len(chunks) == 1 and len(digits) < _MOST_DIGITS else Decimal(digits or 0)
        return _Number(whole, digits, after, len(chunks))

    def _quantity(self, place: int) -> tuple[Decimal, int] | None:
        """The longest single number at word `place`, as (value, after)."""
        word = self._word(place)
        if word[:1].isdecimal():
            value = _written(word, self.words.decimal)
            scale = self.words.scales.get(self._word(place + 1))
            if value is None:
                return None
            return (value * scale, place + 2) if scale else (value, place + 1)
        total, group, least, after = 0, 0, 10**12, place
        seen = False
        while True:
            at = after
            if seen and self._word(at) in self.words.joints:
                at += 1
            word = self._word(at)
            if word in self.words.scales and (seen or place == at):
                scale = self.words.scales[word]
                if scale >= least:
                    break
                total, group = (
                    (total + max(group, 1) * scale, 0)
                    if scale >= 1000
                    else (total, max(group, 1) * scale)
                )
                least = scale if scale >= 1000 else least
            elif word in self.words.numbers:
                number = self.words.numbers[word]
                # "thirty" takes "one", "four" takes no "four": those are digits.
                if seen and not _fits(
                    group, number, joined=at > after, fresh=not group and total > 0
                ):
                    break
                group += number
            else:
                break
            seen, after = True, at + 1
        return (Decimal(total + group), after) if seen else None

    def _yes_or_no(self) -> Iterator[Entity]:
        place = 0
        while self._word(place) in self.words.openers:
            place += 1
        for value, phrases in (("no", self.words.no), ("yes", self.words.yes)):
            for phrase in phrases:
                if tuple(self._plain[place : place + len(phrase)]) == phrase:
                    yield self._entity("yes_no", value, place, place + len(phrase))
                    return


def _fits(group: int, number: int, *, joined: bool, fresh: bool) -> bool:
    """Whether `number` continues a number of which `group` was said."""
    if fresh:
        return number > 0
    for unit in (100, 10):
        if group and group % unit == 0 and number < unit and number > 0:
            return unit == 100 or joined
    return False


def _written(word: str, decimal: str) -> Decimal | None:
    """A number in figures of any script: "1.250,50" where `decimal` is a comma."""
    thousands = "," if decimal == "." else "."
    plain = "".join(str(int(char)) if char.isdecimal() else char for char in word)
    try:
        return Decimal(plain.replace(thousands, "").replace(decimal, "."))
    except InvalidOperation:
        return None


def _figures(value: Decimal, word: str) -> str:
    """A number as it stands in a row of digits: "0471" keeps its zero."""
    digits = "".join(str(int(char)) for char in word if char.isdecimal())
    if digits and value == value.to_integral_value() and int(digits) == int(value):
        return digits
    return str(int(value))


def _next_day(day: int, month: int, today: date) -> date | None:
    """The next such day, today included."""
    for year in range(today.year, today.year + 5):
        try:
            found = date(year, month, day)
        except ValueError:
            continue
        if found >= today:
            return found
    return None
