"""The small words that every flow needs, by language: yes and no, digits, numbers, and the
phrases of the global intents.

They narrow the recogniser and are understood without any trained model. A language that is not
here works all the same: its recogniser stays open, its interpreter decides, keys are the way out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from unicodedata import normalize


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexicon:
    """What callers of one language say; everything in lower case."""

    yes: tuple[str, ...] = ()
    no: tuple[str, ...] = ()
    digits: tuple[str, ...] = ()
    """Spoken digits, and the words that repeat them."""
    numbers: tuple[str, ...] = ()
    """What sums of money are made of."""
    cards: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Kind of card to its names."""
    globals_: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Global intent to the phrases that mean it."""


# fmt: off
_EN = Lexicon(
    yes=(
        "yes", "yes please", "yeah", "yep", "correct", "right", "that's right", "ok", "okay",
        "sure",
    ),
    no=(
        "no", "no thanks", "no thank you", "nope", "wrong", "that's wrong", "not right",
        "incorrect",
    ),
    digits=(
        "zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
        "double", "triple",
    ),
    numbers=(
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
        "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
        "eighteen", "nineteen", "twenty", "thirty", "forty", "fifty", "sixty", "seventy",
        "eighty", "ninety", "hundred", "thousand", "and", "a", "point",
        "rupees", "dollars", "euros", "pounds",
    ),
    cards={
        "debit": ("debit card", "debit", "my debit card"),
        "credit": ("credit card", "credit", "my credit card"),
    },
    globals_={
        "help": ("help", "help me"),
        "repeat": ("repeat", "repeat that", "say that again"),
        "agent": ("agent", "operator", "talk to an agent", "talk to a person"),
        "goodbye": ("goodbye", "bye"),
        "cancel": ("cancel", "cancel that"),
        "go_back": ("go back",),
        "start_over": ("start over", "main menu"),
    },
)
_HI = Lexicon(
    yes=("हाँ", "हां", "जी", "जी हाँ", "जी हां", "हाँ जी", "हां जी", "सही", "सही है", "ठीक है", "ठीक"),
    no=("नहीं", "नही", "जी नहीं", "नहीं जी", "ना", "गलत", "ग़लत", "गलत है"),
    digits=(
        "शून्य", "ज़ीरो", "जीरो", "एक", "दो", "तीन", "चार", "पाँच", "पांच", "छह", "छः", "सात", "आठ",
        "नौ", "डबल", "ट्रिपल",
    ),
    # Hindi has a word of its own for each number below a hundred: open recognition serves better.
    numbers=(),
    cards={
        "debit": ("डेबिट कार्ड", "डेबिट", "मेरा डेबिट कार्ड"),
        "credit": ("क्रेडिट कार्ड", "क्रेडिट", "मेरा क्रेडिट कार्ड"),
    },
    globals_={
        "help": ("मदद", "मेरी मदद करो", "सहायता"),
        "repeat": ("दोहराओ", "दोहराइए", "फिर से बोलो", "फिर से बोलिए"),
        "agent": ("एजेंट", "एजेंट से बात", "एजेंट से बात करनी है", "किसी से बात करनी है"),
        "goodbye": ("अलविदा", "बाय"),
        "cancel": ("रद्द", "रद्द करो", "रद्द कीजिए", "रहने दो"),
        "go_back": ("पीछे", "वापस", "पीछे जाओ", "वापस जाओ"),
        "start_over": ("फिर से शुरू करो", "शुरू से", "मुख्य मेनू"),
    },
)
# fmt: on
_BY_LANGUAGE = {"en": _EN, "hi": _HI}
_NONE = Lexicon()
_PUNCTUATION = frozenset('.,;:!?।"')


def lexicon(language: str) -> Lexicon:
    """The words of `language`; an empty lexicon where there is none."""
    return _BY_LANGUAGE.get(language, _NONE)


@lru_cache(maxsize=64)
def global_phrases(language: str) -> Mapping[str, str]:
    """Phrase to global intent."""
    return {
        spoken_form(phrase): name
        for name, phrases in lexicon(language).globals_.items()
        for phrase in phrases
    }


def spoken_form(text: str) -> str:
    """`text` as phrases are compared: lower case, composed (NFC), no punctuation."""
    composed = normalize("NFC", text.lower())
    kept = "".join(" " if char in _PUNCTUATION else char for char in composed)
    return " ".join(kept.split())


def contains_phrase(text: str, phrase: str) -> bool:
    """Whether `phrase` stands in `text` as whole words; both in spoken form."""
    return f" {phrase} " in f" {text} "
