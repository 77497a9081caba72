"""Cutting what is said into sentences, so that the first sounds while the next is made, and so
that sentences without a variable are found in the prompt cache. Pure."""

from __future__ import annotations

import re

_END = re.compile(r"(?<=[.!?।])\s+")
_LONGEST = 240
"""Characters; beyond this a sentence is cut at a comma, if it has one."""


def clauses(text: str) -> list[str]:
    """Cut `text` at sentence ends; nothing is lost but white space between the pieces."""
    pieces: list[str] = []
    for sentence in _END.split(text.strip()):
        pieces.extend(_cut(sentence))
    return [piece for piece in pieces if piece]


def _cut(sentence: str) -> list[str]:
    pieces = []
    while len(sentence) > _LONGEST:
        comma = sentence.rfind(", ", 0, _LONGEST)
        if comma <= 0:
            break
        pieces.append(sentence[: comma + 1])
        sentence = sentence[comma + 2 :]
    pieces.append(sentence)
    return pieces
