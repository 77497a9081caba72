"""Comparing what was said with what was recognised, word by word."""

from __future__ import annotations

import re
from collections.abc import Sequence


def words_of(text: str) -> list[str]:
    """The words of a text as a recogniser writes them: lower case, without punctuation."""
    return re.findall(r"[a-z']+", text.lower())


def errors_within(said: Sequence[str], heard: Sequence[str]) -> int:
    """The fewest words of `said` that are wrong, missing or too many where it fits best within
    `heard`: an edit distance that starts and ends anywhere in `heard` for nothing.
    """
    row = [0] * (len(heard) + 1)
    for place, word in enumerate(said, 1):
        before, row[0] = row[0], place
        for index, other in enumerate(heard, 1):
            change = before + (word != other)
            before = row[index]
            row[index] = min(change, before + 1, row[index - 1] + 1)
    return min(row)


def was_heard(phrase: str, heard: str) -> bool:
    """Whether `phrase` is in `heard`, up to one word in five that the recogniser got wrong."""
    said = words_of(phrase)
    return errors_within(said, heard.split()) <= len(said) // 5
