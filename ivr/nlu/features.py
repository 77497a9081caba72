"""What a classifier sees of an utterance: its words in pairs, and pieces of its words.

Numbers all look alike ("0"), and so do the listed values of an entity ("<person>"): it is the
question that decides which of them is meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from ivr.nlu.numbers import NUMBER_WORDS
from ivr.nlu.words import split_words

NUMBER = "0"
_MOST_WORDS = 60
"""Longer monologues are cut: their first minute says what they are about."""


def plain_words(text: str, spans: Sequence[tuple[int, int, str]] = ()) -> list[str]:
    """The words of `text` in lower case without punctuation and apostrophes; each of `spans`
    (start, end, kind), in characters, counts as the one word "<kind>".
    """
    words: list[str] = []
    for word in split_words(text):
        kind = next((kind for start, end, kind in spans if start <= word.start < end), None)
        if kind is not None:
            plain = f"<{kind}>"
        elif word.text[0].isdecimal() or word.text in NUMBER_WORDS:
            plain = NUMBER
        elif word.text[0].isalpha():
            plain = word.text.replace("'", "")
        else:
            continue
        # a value counts once, however many words it has
        if plain[0].isalpha() or plain not in words[-1:]:
            words.append(plain)
        if len(words) == _MOST_WORDS:
            break
    return words


def word_features(words: Sequence[str]) -> Iterator[str]:
    """Words, and pairs of them."""
    yield from words
    yield from pair_features(words)


def pair_features(words: Sequence[str]) -> Iterator[str]:
    """Neighbours; "^" and "$" are the utterance's ends."""
    framed = ("^", *words, "$")
    for left, right in pairwise(framed):
        yield f"{left} {right}"


def piece_features(words: Sequence[str]) -> Iterator[str]:
    """Pieces of two to five letters of each word, with its ends; "#" tells them from words."""
    for word in words:
        if not word[0].isalpha():
            continue
        framed = f"_{word}_"
        for size in (2, 3, 4, 5):
            for at in range(len(framed) - size + 1):
                yield f"#{framed[at : at + size]}"
