"""Which of the offered languages a sentence is in, by its letters: cheap, and sure or silent.

A language's own file is all that is learnt from: what is said and heard in it. Each language has
the shares of its letter trigrams (Cavnar and Trenkle, "N-Gram-Based Text Categorization", 1994),
and a sentence belongs to the one that makes it likeliest, if that one is plainly ahead; else the
caller is asked.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any
from unicodedata import normalize

from pydantic import BaseModel

from ivr.languages.known import language

_AHEAD = 3.0
"""Natural logarithm by which the likeliest has to be ahead of the next, over the sentence: it is
then twenty times as likely."""
_LEAST_LETTERS = 4
_UNSEEN = 0.2
"""Counted for a trigram that a language never had."""
_LAST_LATIN = 0x24F
_STRANGE = -10.0
"""A sentence whose trigrams are rarer than this, in the mean, is in none of the languages."""

_MARKUP = re.compile(r"\{[{%].*?[%}]\}")
_LETTERS = re.compile(r"[^\W\d_]+(?:[\u0900-\u097f]|[^\W\d_])*")


def identify(text: str, offered: Iterable[str]) -> str | None:
    """Return the code of the language among `offered` that `text` is in; None when unsure."""
    codes = tuple(dict.fromkeys(offered))
    script = _by_script(text, codes)
    if script is not None:
        return script
    grams = Counter(_trigrams(text))
    if sum(map(len, _words(text))) < _LEAST_LETTERS:
        return None
    told = sorted(((_likely(grams, code), code) for code in codes), reverse=True)
    told = [(likely, code) for likely, code in told if likely > -math.inf]
    if not told or told[0][0] / grams.total() < _STRANGE:
        return None
    if len(told) > 1 and told[0][0] - told[1][0] < _AHEAD:
        return None
    return told[0][1]


def _by_script(text: str, codes: tuple[str, ...]) -> str | None:
    """The one language whose letters are not Latin and stand in `text`, as in "account का"."""
    blocks = _blocks(text)
    found = [code for code in codes if blocks & _script(code)]
    return found[0] if len(found) == 1 else None


def _blocks(text: str) -> frozenset[int]:
    """The blocks of Unicode, of 128 characters, that `text` has letters of beyond Latin's."""
    return frozenset(ord(char) >> 7 for char in text if ord(char) > _LAST_LATIN and char.isalpha())


@lru_cache(maxsize=64)
def _script(code: str) -> frozenset[int]:
    return _blocks(" ".join(_texts(language(code))))


def _likely(grams: Counter[str], code: str) -> float:
    """The logarithm of how likely these trigrams are in a language; -inf of an unknown one."""
    shares, total = _profile(code)
    if not shares:
        return -math.inf
    return sum(
        count * math.log((shares.get(gram, 0) + _UNSEEN) / total) for gram, count in grams.items()
    )


@lru_cache(maxsize=64)
def _profile(code: str) -> tuple[Mapping[str, int], float]:
    """A language's trigrams and how often each is there, and what they are shares of."""
    shares = Counter(gram for text in _texts(language(code)) for gram in _trigrams(text))
    # Every language is taken to have as many kinds of trigrams as could be told apart.
    return shares, shares.total() + _UNSEEN * 20_000


def _texts(part: Any) -> Iterator[str]:
    """All that a language's file says, but for its codes and the names of other languages."""
    if isinstance(part, str):
        yield _MARKUP.sub(" ", part)
    elif isinstance(part, BaseModel):
        for name, value in part:
            if name not in {"code", "name", "names", "num2words"}:
                yield from _texts(value)
    elif isinstance(part, Mapping):
        for key, value in part.items():
            # Keys are names of ours, but where they are words to their values.
            if isinstance(value, int):
                yield from _texts(key)
            yield from _texts(value)
    elif isinstance(part, tuple | list):
        for one in part:
            yield from _texts(one)


def _trigrams(text: str) -> Iterator[str]:
    for word in _words(text):
        framed = f" {word} "
        for at in range(len(framed) - 2):
            yield framed[at : at + 3]


def _words(text: str) -> list[str]:
    return _LETTERS.findall(normalize("NFC", text.lower()))
