"""An utterance as words with their places, as speech recognisers and keyboards write it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_WORD = re.compile(
    r"\d+(?:[.,]\d+)*"  # 1,250.50
    r"|[^\W\d_]+(?:['\u2019][^\W\d_]+)*"  # what's
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
