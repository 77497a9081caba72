"""Values as people say them: digits one by one, sums of money, dates. English and Hindi.

num2words has no Hindi; its numbers below a hundred are irregular, so they are a table here, and
larger ones are counted in hundred, thousand, lakh and crore. In a language that has neither,
figures are left as figures, which speech engines read.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from num2words import num2words

_LARGEST = 10**12
"""Beyond this nobody follows a spoken number."""

_EN_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

# fmt: off
_HI_BELOW_100 = (
    "शून्य", "एक", "दो", "तीन", "चार",
    "पाँच", "छह", "सात", "आठ", "नौ",
    "दस", "ग्यारह", "बारह", "तेरह", "चौदह",
    "पंद्रह", "सोलह", "सत्रह", "अठारह", "उन्नीस",
    "बीस", "इक्कीस", "बाईस", "तेईस", "चौबीस",
    "पच्चीस", "छब्बीस", "सत्ताईस", "अट्ठाईस", "उनतीस",
    "तीस", "इकतीस", "बत्तीस", "तैंतीस", "चौंतीस",
    "पैंतीस", "छत्तीस", "सैंतीस", "अड़तीस", "उनतालीस",
    "चालीस", "इकतालीस", "बयालीस", "तैंतालीस", "चवालीस",
    "पैंतालीस", "छियालीस", "सैंतालीस", "अड़तालीस", "उनचास",
    "पचास", "इक्यावन", "बावन", "तिरपन", "चौवन",
    "पचपन", "छप्पन", "सत्तावन", "अट्ठावन", "उनसठ",
    "साठ", "इकसठ", "बासठ", "तिरसठ", "चौंसठ",
    "पैंसठ", "छियासठ", "सड़सठ", "अड़सठ", "उनहत्तर",
    "सत्तर", "इकहत्तर", "बहत्तर", "तिहत्तर", "चौहत्तर",
    "पचहत्तर", "छिहत्तर", "सतहत्तर", "अठहत्तर", "उनासी",
    "अस्सी", "इक्यासी", "बयासी", "तिरासी", "चौरासी",
    "पचासी", "छियासी", "सत्तासी", "अट्ठासी", "नवासी",
    "नब्बे", "इक्यानवे", "बानवे", "तिरानवे", "चौरानवे",
    "पचानवे", "छियानवे", "सत्तानवे", "अट्ठानवे", "निन्यानवे",
)
_HI_MONTHS = (
    "जनवरी", "फ़रवरी", "मार्च", "अप्रैल", "मई", "जून",
    "जुलाई", "अगस्त", "सितंबर", "अक्टूबर", "नवंबर", "दिसंबर",
)
_EN_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)
# fmt: on
_HI_UNITS = ((10**7, "करोड़"), (10**5, "लाख"), (1000, "हज़ार"), (100, "सौ"))

# One of the unit, many of it, one of its hundredth, many of it.
_CURRENCIES = {
    "en": {
        "INR": ("rupee", "rupees", "paisa", "paise"),
        "USD": ("dollar", "dollars", "cent", "cents"),
        "EUR": ("euro", "euros", "cent", "cents"),
        "GBP": ("pound", "pounds", "penny", "pence"),
    },
    "hi": {
        "INR": ("रुपया", "रुपये", "पैसा", "पैसे"),
        "USD": ("डॉलर", "डॉलर", "सेंट", "सेंट"),
        "EUR": ("यूरो", "यूरो", "सेंट", "सेंट"),
        "GBP": ("पाउंड", "पाउंड", "पेनी", "पेंस"),
    },
}
_AND = {"en": "and", "hi": "और"}
_LESS_THAN_NOTHING = {"en": "minus", "hi": "माइनस"}


class Unsayable(ValueError):
    """The value is not of the kind that was to be said."""


@lru_cache(maxsize=8192)
def number(value: int, language: str) -> str:
    """A whole number in words. Raises Unsayable beyond a million millions."""
    if abs(value) >= _LARGEST:
        raise Unsayable("the number is too large to be said")
    if value < 0:
        return f"{_LESS_THAN_NOTHING.get(language, '-')} {number(-value, language)}"
    if language == "en":
        return str(num2words(value, lang="en")).replace(",", "").replace("-", " ")
    if language == "hi":
        return _hindi(value)
    return str(value)


def digits(value: str, language: str) -> str:
    """Say it one by one, letters too: "447" as "four four seven".

    Long ones get a breath after each three.
    """
    kept = [char for char in value if char.isalnum()]
    if len(kept) > 64:
        raise Unsayable("too many digits to be said")
    words = [_digit(char, language) for char in kept]
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
    one, many, one_rest, many_rest = _CURRENCIES.get(language, {}).get(
        currency.upper(), (currency, currency, "", "")
    )
    parts = []
    if whole or not rest:
        parts.append(f"{number(whole, language)} {one if whole == 1 else many}")
    if rest:
        said = f"{number(rest, language)} {one_rest if rest == 1 else many_rest}"
        parts.append(said.strip())
    joint = f" {_AND[language]} " if language in _AND else ", "
    spoken = joint.join(parts)
    return f"{_LESS_THAN_NOTHING.get(language, '-')} {spoken}" if amount < 0 else spoken


def spoken_date(value: str, language: str) -> str:
    """An ISO 8601 date as people say it: "the third of november twenty twenty six"."""
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise Unsayable("not a date") from None
    if language == "en":
        return f"the {_ordinal(day.day)} of {_EN_MONTHS[day.month - 1]} {_year(day.year)}"
    if language == "hi":
        return f"{_hindi(day.day)} {_HI_MONTHS[day.month - 1]} {_hindi(day.year)}"
    return value


@lru_cache(maxsize=64)
def _ordinal(value: int) -> str:
    return str(num2words(value, lang="en", to="ordinal")).replace("-", " ")


@lru_cache(maxsize=256)
def _year(value: int) -> str:
    return str(num2words(value, lang="en", to="year")).replace("-", " ")


def _digit(char: str, language: str) -> str:
    if not char.isdecimal():
        return char
    if language == "en":
        return _EN_DIGITS[int(char)]
    if language == "hi":
        return _HI_BELOW_100[int(char)]
    return str(int(char))


def _hindi(value: int) -> str:
    if value < 100:
        return _HI_BELOW_100[value]
    words = []
    for size, name in _HI_UNITS:
        count, value = divmod(value, size)
        if count:
            words.append(f"{_hindi(count)} {name}")
    if value:
        words.append(_HI_BELOW_100[value])
    return " ".join(words)
