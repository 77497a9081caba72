"""English numbers, spoken and written, two ways: as a quantity and as a string of digits.

"four four seven" is only digits, "two hundred and fifty rupees" is only a quantity, "fifty" may
be either: which of them is meant depends on the question, so callers get both readings.
Quantities know the short scale and the Indian one (lakh, crore).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from ivr.nlu.words import Word, split_words

DIGITS: Mapping[str, int] = {
    "zero": 0, "nought": 0, "oh": 0, "o": 0, "one": 1, "two": 2, "three": 3, "four": 4,
    "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
}  # fmt: skip
TEENS: Mapping[str, int] = {
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15,
    "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
TENS: Mapping[str, int] = {
    "twenty": 20, "thirty": 30, "forty": 40, "fourty": 40, "fifty": 50, "sixty": 60,
    "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
SCALES: Mapping[str, int] = {
    "thousand": 10**3, "k": 10**3, "grand": 10**3, "lakh": 10**5, "lakhs": 10**5, "lac": 10**5,
    "million": 10**6, "crore": 10**7, "crores": 10**7, "billion": 10**9,
}  # fmt: skip
HUNDRED = "hundred"
NUMBER_WORDS = frozenset({*DIGITS, *TEENS, *TENS, *SCALES, HUNDRED}) - {"o", "oh", "k"}

_OH = frozenset({"oh", "o"})
_REPEATS: Mapping[str, int] = {"double": 2, "triple": 3, "treble": 3, "quadruple": 4}
_FILLERS = frozenset({"uh", "um", "er", "erm", "-"})
_GROUPED = re.compile(r"\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d{1,2})?")
_PLAIN = re.compile(r"\d+(?:\.\d{1,2})?")
_MOST_DIGITS = 12
"""A longer numeral is no quantity of anything people say on a phone."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A number read from words `[first, after)`. `whole` says that it is an integer spoken or
    written plainly, which may as well have been meant as digits.
    """

    value: Decimal
    after: int
    whole: bool = True


@dataclass(frozen=True, slots=True)
class DigitReading:
    """Digits read from words `[first, after)`, in the chunks that were spoken."""

    chunks: tuple[str, ...]
    after: int

    @property
    def value(self) -> str:
        """All digits."""
        return "".join(self.chunks)


def parse_number(text: str) -> Decimal | None:
    """The number that `text` as a whole says, else None: "a hundred and five" is 105."""
    words = split_words(text)
    reading = read_quantity(words, 0)
    return reading.value if reading is not None and reading.after == len(words) else None


def ascii_digits(text: str) -> str:
    """`text` with the decimal digits of any script as 0-9."""
    return "".join(str(int(mark)) if mark.isdecimal() else mark for mark in text)


def word_at(words: Sequence[Word], at: int) -> str:
    """The text of word `at`; empty beyond either end."""
    return words[at].text if 0 <= at < len(words) else ""


def read_below_hundred(words: Sequence[Word], at: int) -> tuple[int, int] | None:
    """A spoken number 0..99 at word `at` as (value, after); "oh" is no such number."""
    word = word_at(words, at)
    if word in TENS:
        follower = at + 2 if word_at(words, at + 1) == "-" else at + 1
        unit = DIGITS.get(word_at(words, follower), 0)
        return (TENS[word] + unit, follower + 1) if unit else (TENS[word], at + 1)
    if word in TEENS:
        return TEENS[word], at + 1
    if word in DIGITS and word not in _OH:
        return DIGITS[word], at + 1
    return None


def read_cardinal(words: Sequence[Word], at: int) -> tuple[int, int] | None:
    """The longest spoken integer at word `at` as (value, after)."""
    total, limit, after = 0, 0, at
    while (group := _read_group(words, after, first=after == at)) is not None:
        value, end = group
        scale = SCALES.get(word_at(words, end))
        if scale is not None and (not limit or scale < limit):
            total, limit, after = total + value * scale, scale, end + 1
        elif not limit or value < limit:
            return total + value, end
        else:
            break
    return (total, after) if after > at else None


def read_quantity(words: Sequence[Word], at: int) -> Reading | None:
    """The longest number at word `at`: cardinals, numerals, decimals, halves, "a hundred"."""
    if word_at(words, at) == "half" and word_at(words, at + 1) == "a":
        scale = _scale(word_at(words, at + 2))
        return Reading(Decimal(scale) / 2, at + 3, whole=False) if scale else None
    if word_at(words, at) in {"a", "an"}:
        spoken = read_cardinal(words, at + 1) if _scale(word_at(words, at + 1)) else None
        return Reading(Decimal(spoken[0]), spoken[1], whole=False) if spoken else None
    numeral = _read_numeral(words, at)
    if numeral is not None:
        return numeral
    spoken = read_cardinal(words, at)
    return _with_fraction(words, *spoken) if spoken is not None else None


def read_digits(words: Sequence[Word], at: int) -> DigitReading | None:
    """The longest string of digits at word `at`: "double four seven", "forty seven twelve",
    "447-123". A lone "oh" is an exclamation, not a digit.
    """
    chunks: list[str] = []
    after = end = at
    said = 0
    while (chunk := _read_chunk(words, at)) is not None:
        digits, end = chunk
        said += word_at(words, at) not in _OH
        if word_at(words, end) in {HUNDRED, "thousand"} and digits.strip("0"):
            digits += "00" if word_at(words, end) == HUNDRED else "000"
            end += 1
        chunks.append(digits)
        after = at = end
        while word_at(words, at) in _FILLERS or (word_at(words, at) == "," and len(digits) == 1):
            at += 1
    if not chunks or (not said and len(chunks) < 3):
        return None
    return DigitReading(tuple(chunks), after)


def _read_group(words: Sequence[Word], at: int, *, first: bool) -> tuple[int, int] | None:
    """A number below a thousand, or "nineteen hundred", inside a cardinal: its part before a
    scale word. `first` allows a bare scale word ("thousand" for "a thousand").
    """
    if not first:
        at = _over_joint(words, at)
    if first and word_at(words, at) in SCALES and word_at(words, at) not in {"k", "grand"}:
        return 1, at
    head = (1, at) if first and word_at(words, at) == HUNDRED else read_below_hundred(words, at)
    if head is None or word_at(words, head[1]) != HUNDRED or not head[0]:
        return head
    hundreds, after = head[0] * 100, head[1] + 1
    tail = read_below_hundred(words, _over_joint(words, after))
    if tail is None or not tail[0] or word_at(words, tail[1]) == HUNDRED:
        return hundreds, after
    return hundreds + tail[0], tail[1]


def _over_joint(words: Sequence[Word], at: int) -> int:
    """Past the ", " or "and" that may follow a scale word."""
    if word_at(words, at) == ",":
        at += 1
    return at + 1 if word_at(words, at) == "and" else at


def _scale(word: str) -> int | None:
    return 100 if word == HUNDRED else SCALES.get(word)


def _read_numeral(words: Sequence[Word], at: int) -> Reading | None:
    """A number in figures: "250", "1,250.50", "1,25,000", "1.5 lakh", "5k"."""
    text = ascii_digits(word_at(words, at))
    if not (_PLAIN.fullmatch(text) or _GROUPED.fullmatch(text)):
        return None
    text = text.replace(",", "")
    if len(text) > _MOST_DIGITS or (text[0] == "0" and text[1:2].isdecimal()):
        return None
    scale = _scale(word_at(words, at + 1))
    value = Decimal(text)
    if scale is not None:
        return Reading(value * scale, at + 2, whole=False)
    return Reading(value, at + 1, whole="." not in text)


def _with_fraction(words: Sequence[Word], value: int, after: int) -> Reading:
    """A spoken cardinal with what may follow it: "point five [million]", "and a half [lakh]"."""
    if word_at(words, after) == "point":
        end, digits = after + 1, ""
        while word_at(words, end) in DIGITS and len(digits) < _MOST_DIGITS:
            digits += str(DIGITS[word_at(words, end)])
            end += 1
        if not digits and (pair := read_below_hundred(words, end)) is not None:
            digits, end = str(pair[0]), pair[1]
        if digits:
            return _scaled(words, Decimal(f"{value}.{digits}"), end)
    joint = [word_at(words, after + offset) for offset in range(3)]
    if joint == ["and", "a", "half"]:
        return _scaled(words, value + Decimal("0.5"), after + 3)
    return Reading(Decimal(value), after)


def _scaled(words: Sequence[Word], value: Decimal, after: int) -> Reading:
    scale = _scale(word_at(words, after))
    return Reading(value * (scale or 1), after + (scale is not None), whole=False)


def _read_chunk(words: Sequence[Word], at: int) -> tuple[str, int] | None:
    """The digits said in one breath at word `at` as (digits, after)."""
    word = word_at(words, at)
    if word in _REPEATS:
        single = word_at(words, at + 1)
        digit = str(DIGITS[single]) if single in DIGITS else ascii_digits(single)
        return (digit * _REPEATS[word], at + 2) if _one_digit(digit) else None
    if word in _OH:
        return "0", at + 1
    if word.isdecimal():
        return ascii_digits(word), at + 1
    spoken = read_below_hundred(words, at)
    return (str(spoken[0]), spoken[1]) if spoken is not None else None


def _one_digit(text: str) -> bool:
    return len(text) == 1 and text.isdecimal()
