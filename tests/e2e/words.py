"""Comparing what was said with what was recognised, word by word."""

from __future__ import annotations

import re
from collections.abc import Sequence


def words_of(text: str) -> list[str]:
    """The words of a text as a recogniser writes them: lower case, without punctuation."""
    return re.findall(r"[a-z']+", text.lower())


def word_errors(said: Sequence[str], heard: Sequence[str], *, within: bool = False) -> int:
    """Words of `said` that are wrong, missing or too many in `heard`: the edit distance.

    `within`: where it fits best, what was heard before and after it counting for nothing.
    """
    row = [0] * (len(heard) + 1) if within else list(range(len(heard) + 1))
    for place, word in enumerate(said, 1):
        before, row[0] = row[0], place
        for index, other in enumerate(heard, 1):
            change = before + (word != other)
            before = row[index]
            row[index] = min(change, before + 1, row[index - 1] + 1)
    return min(row) if within else row[-1]


def was_heard(phrase: str, heard: str) -> bool:
    """Whether `phrase` is in `heard`, up to one word in five that the recogniser got wrong."""
    said = words_of(phrase)
    return word_errors(said, heard.split(), within=True) <= len(said) // 5
