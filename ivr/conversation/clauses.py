"""Cutting what is said into sentences, so that the first sounds while the next is made, and so
that sentences without a variable are found in the prompt cache. Pure."""

from __future__ import annotations

import re
import unicodedata

_END = re.compile(r"(?<=[.!?।])\s+")
_LONGEST = 240
"""Characters; beyond this a sentence is cut at a comma, if it has one."""


def clauses(text: str) -> list[str]:
    """Cut `text` at sentence ends; nothing is lost but white space between the pieces."""
    pieces: list[str] = []
    for sentence in _END.split(text.strip()):
        pieces.extend(_cut(sentence))
    return [piece for piece in pieces if piece]


def plainer(text: str) -> str:
    """Return `text` with nothing but words, numbers and the marks that sentences are made of: what
    an engine may still be able to say when it failed at the whole. Empty when there is no word."""
    kept = (char if _is_plain(char) else " " for char in text)
    plain = " ".join("".join(kept).split())
    return plain if any(char.isalnum() for char in plain) else ""


def _is_plain(char: str) -> bool:
    return unicodedata.category(char)[0] in "LMN" or char in ".,?!'\u2019\u0964"


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
