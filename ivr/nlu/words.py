"""An utterance as words with their places, as speech recognisers and keyboards write it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

# Vowel signs and accents are no letters to `re`, but the words of Hindi are made with them.
_MARKS = "".join(
    char for char in map(chr, range(0x300, 0x1100)) if unicodedata.category(char)[0] == "M"
)
_LETTERS = rf"[^\W\d_]+(?:[{_MARKS}]+[^\W\d_]*)*"
_WORD = re.compile(
    r"\d+(?:[.,]\d+)*"  # 1,250.50
    rf"|{_LETTERS}(?:['\u2019]{_LETTERS})*"  # what's
    r"|[^\w\s]"
)


@dataclass(frozen=True, slots=True)
class Word:
    """A word, numeral or symbol in lower case, and its place in characters."""

    text: str
    start: int
    end: int


def split_words(text: str) -> list[Word]:
    """The words of `text` in order; typographic apostrophes become plain ones."""
    return [
        Word(match.group().lower().replace("\u2019", "'"), match.start(), match.end())
        for match in _WORD.finditer(text)
    ]
