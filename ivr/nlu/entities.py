"""Values that callers give in English: digits, amounts, dates, yes and no, in canonical form.

Pure: text and today's date in, entities out. Lists that belong to an application (its card
types, its payees) are no concern of this file: they live in the training data.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal

from ivr.nlu.dates import find_dates
from ivr.nlu.interpreter import Entity
from ivr.nlu.numbers import (
    DigitReading,
    Reading,
    read_below_hundred,
    read_digits,
    read_quantity,
    word_at,
)
from ivr.nlu.words import Word, split_words

_CURRENCIES = frozenset(
    "dollar dollars buck bucks rupee rupees pound pounds quid euro euros usd inr gbp eur rs "
    "$ \u20b9 \u00a3 \u20ac".split()
)
_SYMBOLS = frozenset("$ \u20b9 \u00a3 \u20ac rs usd inr".split())
_MINOR = frozenset("cent cents paisa paise pence penny p".split())
_YES = frozenset(
    "yes yeah yep yup yea ya yah sure ok okay correct right absolutely definitely certainly "
    "affirmative indeed exactly".split()
)
_NO = frozenset("no nope nah nay negative wrong incorrect never".split())
_OPENERS = frozenset("uh um er erm hmm oh well so ah and but actually i think , .".split())
_YES_PHRASES = (
    ("no", "problem"), ("of", "course"), ("go", "ahead"), ("please", "do"), ("that's", "right"),
    ("that's", "correct"), ("thats", "right"), ("thats", "correct"), ("that", "is", "right"),
    ("that", "is", "correct"), ("it", "is"), ("do", "it"), ("sounds", "good"),
)  # fmt: skip
_NO_PHRASES = (
    ("not", "right"), ("not", "correct"), ("not", "really"), ("not", "at", "all"),
    ("that's", "wrong"), ("thats", "wrong"), ("that", "is", "wrong"), ("it's", "wrong"),
    ("that's", "not"), ("thats", "not"), ("that", "is", "not"), ("it", "is", "not"),
    ("it's", "not"), ("it", "isn't"), ("that", "isn't"), ("please", "don't"),
)  # fmt: skip
_NOT = frozenset("not isn't don't".split())
_PRONOUN_BEFORE = frozenset(
    "the that this which other another no any every each last new old first same wrong right "
    "second next".split()
)
_PRONOUN_AFTER = frozenset("of more moment second minute sec thing time".split())
_NO_MONEY = frozenset("o'clock percent % am pm times days weeks months years".split())
_MOST_FIGURES = 9
_MOST_CHARACTERS = 2000
"""Nobody says more in a turn; the rest of such a text is not read."""


def find_entities(text: str, today: date) -> tuple[Entity, ...]:
    """The values in `text`, in order of their place. Never raises.

    Kinds: "digits", "amount" (two decimals), "date" (ISO 8601) and "yes_no". A plain number is
    reported twice, as digits and as an amount; one with a currency or a fraction only as an
    amount; one within a date not at all.
    """
    words = split_words(text[:_MOST_CHARACTERS])
    found: list[Entity] = []
    taken: set[int] = set()
    for reading in find_dates(words, today):
        taken.update(range(reading.first, reading.after))
        found.append(
            _entity("date", reading.value.isoformat(), text, words, (reading.first, reading.after))
        )
    found.extend(_numbers(text, words, taken))
    found.extend(_yes_or_no(text, words))
    return tuple(sorted(found, key=lambda entity: (entity.start, entity.end)))


def _entity(
    kind: str, value: str, text: str, words: Sequence[Word], span: tuple[int, int]
) -> Entity:
    """Of words `[span[0], span[1])`."""
    start, end = words[span[0]].start, words[span[1] - 1].end
    return Entity(kind=kind, value=value, text=text[start:end], start=start, end=end)


def _numbers(text: str, words: Sequence[Word], taken: set[int]) -> Iterator[Entity]:
    at = 0
    while at < len(words):
        if at in taken or _is_pronoun(words, at):
            at += 1
            continue
        amount, digits = _read_amount(words, at), read_digits(words, at)
        if digits is not None and word_at(words, at) in {"oh", "o"}:
            # "oh five hundred dollars" opens with an exclamation, "oh four seven" with a zero
            exclaimed = _read_amount(words, at + 1)
            if (
                exclaimed is not None
                and exclaimed.after >= digits.after
                and not _only_digits(digits)
            ):
                digits = None
        after = max(reading.after if reading is not None else 0 for reading in (amount, digits))
        if not after or not taken.isdisjoint(range(at, after)):
            at += 1
            continue
        yield from _readings(text, words, at, amount, digits)
        at = after


def _readings(
    text: str,
    words: Sequence[Word],
    at: int,
    amount: Reading | None,
    digits: DigitReading | None,
) -> Iterator[Entity]:
    if digits is None or (amount is not None and amount.after >= digits.after):
        if amount is None:
            return
        if amount.whole:
            yield _entity("digits", str(int(amount.value)), text, words, (at, amount.after))
        if word_at(words, amount.after) not in _NO_MONEY:
            yield _entity("amount", f"{amount.value:.2f}", text, words, (at, amount.after))
        return
    if word_at(words, digits.after) in _CURRENCIES and len(digits.value) <= _MOST_FIGURES:
        value = f"{int(digits.value)}.00"
        yield _entity("amount", value, text, words, (at, digits.after + 1))
        return
    yield _entity("digits", digits.value, text, words, (at, digits.after))
    pair = [int(chunk) for chunk in digits.chunks] if len(digits.chunks) == 2 else []
    if pair and 1 <= pair[0] <= 99 and 10 <= pair[1] <= 99 and not words[at].text.isdecimal():
        # "twelve fifty" to a bank is 1,250
        yield _entity("amount", f"{pair[0] * 100 + pair[1]}.00", text, words, (at, digits.after))


def _read_amount(words: Sequence[Word], at: int) -> Reading | None:
    """A quantity with its currency, before or behind, and its cents."""
    if word_at(words, at) in _SYMBOLS:
        first = at + 1 + (word_at(words, at + 1) == ".")
        reading = read_quantity(words, first)
        return None if reading is None else Reading(reading.value, reading.after, whole=False)
    if word_at(words, at) == "a" and word_at(words, at + 1) in _CURRENCIES:
        return Reading(Decimal(1), at + 2, whole=False)
    reading = read_quantity(words, at)
    if reading is not None and word_at(words, reading.after) in _MINOR:
        return Reading(reading.value / 100, reading.after + 1, whole=False)
    if reading is not None and word_at(words, reading.after) in _CURRENCIES:
        return _with_cents(words, reading.value, reading.after + 1)
    return reading


def _with_cents(words: Sequence[Word], value: Decimal, after: int) -> Reading:
    """What may follow a currency: "fifty", "and fifty cents"."""
    joint = word_at(words, after) == "and"
    cents = read_below_hundred(words, after + joint)
    if cents is None:
        return Reading(value, after, whole=False)
    minor = word_at(words, cents[1]) in _MINOR
    # "five dollars fifty" is said, "five dollars and fifty" may go on to another amount
    if minor or (not joint and cents[0] >= 10 and _ends(words, cents[1])):
        return Reading(value + Decimal(cents[0]) / 100, cents[1] + minor, whole=False)
    return Reading(value, after, whole=False)


def _ends(words: Sequence[Word], at: int) -> bool:
    return read_digits(words, at) is None and word_at(words, at) not in _CURRENCIES


def _only_digits(digits: DigitReading) -> bool:
    return all(len(chunk) == 1 for chunk in digits.chunks)


def _is_pronoun(words: Sequence[Word], at: int) -> bool:
    """Whether it is as in "the other one", "one moment": no number. "No, one two three" is one."""
    if word_at(words, at) != "one":
        return False
    before = word_at(words, at - 1)
    corrects = before == "no" and read_digits(words, at + 1) is not None
    if before in _PRONOUN_BEFORE and not corrects:
        return True
    return word_at(words, at + 1) in _PRONOUN_AFTER


def _yes_or_no(text: str, words: Sequence[Word]) -> Iterator[Entity]:
    """What the utterance opens with: agreement further inside a sentence answers nothing."""
    at = 0
    while at < len(words):
        spoken = tuple(word.text for word in words[at : at + 3])
        for value, phrases, singles in (("yes", _YES_PHRASES, _YES), ("no", _NO_PHRASES, _NO)):
            phrase = next((p for p in phrases if spoken[: len(p)] == p), ())
            length = len(phrase) or (spoken[0] in singles)
            if length and not (value == "yes" and spoken[length : length + 1] == ("not",)):
                yield _entity("yes_no", value, text, words, (at, at + length))
                if spoken[length - 1] in _NOT:  # "that's not right" says it once
                    return
                at += length
                break
        else:
            if spoken[0] not in _OPENERS:
                return
            at += 1
