"""How words sound, roughly, and how much two of them sound alike: what a recogniser, a keyboard
or a script does to a name should not hide it.

A word becomes a row of sounds in Latin letters: Devanagari is written out (ISO 15919 without its
marks), and the ways in which Hindi is spelled in Latin letters, and English misheard, fall
together: "yojna", "yojana" and "योजना" are one. Pure.
"""

from __future__ import annotations

import re
from functools import lru_cache
from unicodedata import combining, normalize

from rapidfuzz.distance import Levenshtein

_LETTERS = {
    **dict(zip("अआइईउऊऋएऐओऔऑऍ", "a a i i u u ri e e o o o e".split(), strict=True)),
    **dict(zip("ािीुूृेैोौॉॅ", "a i i u u ri e e o o o e".split(), strict=True)),
    **dict(zip("कखगघङचछजझञ", "k k g g n c c j j n".split(), strict=True)),
    **dict(zip("टठडढणतथदधन", "t t d d n t t d d n".split(), strict=True)),
    **dict(zip("पफबभमयरलवशषसहळ", "p f b b m y r l v s s s h l".split(), strict=True)),
    **{"ं": "n", "ँ": "n", "\u0903": "h"},
}
_MATRAS = frozenset("ािीुूृेैोौॉॅ")
_VIRAMA, _NUKTA = "\u094d", "\u093c"
_AFTER_CONSONANT = frozenset("कखगघङचछजझञटठडढणतथदधनपफबभमयरलवशषसहळ")

_LETTER_NAMES = dict(
    zip(
        "ए बी सी डी ई एफ जी एच आई जे के एल एम एन ओ पी क्यू आर एस टी यू वी डब्ल्यू एक्स वाई ज़ेड".split(),
        "abcdefghijklmnopqrstuvwxyz",
        strict=True,
    )
)

_SPELLINGS = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"sch|sh|c(?=[eiy])", "s"), (r"ck|q|c(?!h)", "k"), (r"tch|ch+", "c"), (r"ph", "f"),
        (r"x", "ks"), (r"([bdgjkt])h", r"\1"),
        (r"w", "v"), (r"z", "j"), (r"aa|au|aw", "a"), (r"ee|ii|ea|ie|ey$", "i"),
        (r"oo|uu|ou", "u"), (r"ai|ay|ei", "e"), (r"m(?=[bp])", "n"), (r"y$", "i"),
        (r"(.)\1+", r"\1"), (r"(?<=[^aeiou])a(?=[^aeiou][aeiou])", "a"), (r"(?<=..)[ae]$", ""),
    )
)  # fmt: skip
_VOWELS = re.compile(r"(?<=.)[aeiou]+")


def sounds_of(word: str) -> str:
    """The sounds of one word; empty where it has none that are known."""
    return _sounds(word.lower())


def letter(word: str) -> str:
    """The Latin letter that a word is, or is the Hindi name of; empty where it is none."""
    if len(word) == 1 and word.isascii() and word.isalpha():
        return word
    return _LETTER_NAMES.get(normalize("NFC", word), "")


def alike(one: str, other: str) -> float:
    """How much two rows of sounds are alike, 0..1: as they are, and by their consonants, which
    are heard better than vowels.
    """
    if one == other:
        return 1.0
    whole = Levenshtein.normalized_similarity(one, other)
    bare = Levenshtein.normalized_similarity(_VOWELS.sub("", one), _VOWELS.sub("", other))
    return (whole + bare) / 2


@lru_cache(maxsize=8192)
def _sounds(word: str) -> str:
    decomposed = normalize("NFD", _latin(word))
    sounds = "".join(letter for letter in decomposed if letter.isascii() and letter.isalnum())
    for pattern, sound in _SPELLINGS:
        sounds = pattern.sub(sound, sounds)
    return sounds


def _latin(word: str) -> str:
    """Devanagari in Latin letters, with the vowel that is not written; the rest as it is."""
    letters = [one for one in normalize("NFC", normalize("NFD", word)) if one != _NUKTA]
    written: list[str] = []
    for at, letter in enumerate(letters):
        if letter == _VIRAMA:
            continue
        if letter not in _LETTERS:
            written.append(letter if not combining(letter) else "")
            continue
        written.append(_LETTERS[letter])
        after = letters[at + 1] if at + 1 < len(letters) else ""
        if letter in _AFTER_CONSONANT and after and after != _VIRAMA and after not in _MATRAS:
            written.append("a")
    return "".join(written)
