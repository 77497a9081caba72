"""How words are pronounced: the CMU Pronouncing Dictionary, in the phones of ARPAbet.

It is read out of the pocketsphinx package, which carries it under its BSD licence.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

Pronunciation = tuple[str, ...]

SILENCE = "SIL"
"""The network's blank: silence, and the time between two phones."""

UNKNOWN = "SPN"
"""The phone of speech that is none of the words."""

_OURS: dict[str, list[Pronunciation]] = {
    "paise": [("P", "AY", "S", "EY"), ("P", "AY", "S", "AH")],
    "priya": [("P", "R", "IY", "Y", "AH")],
}


@cache
def dictionary() -> dict[str, list[Pronunciation]]:
    """Return the pronunciations of each word, the usual one first."""
    import pocketsphinx

    found: dict[str, list[Pronunciation]] = {}
    file = Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict"))
    for line in file.read_text(encoding="utf-8").splitlines():
        word, *phones = line.split()
        found.setdefault(re.sub(r"\(\d+\)$", "", word), []).append(tuple(phones))
    return found | _OURS


@cache
def phones() -> tuple[str, ...]:
    """Return the network's outputs in their order: silence, the phones, unknown speech."""
    spoken = {phone for ways in dictionary().values() for way in ways for phone in way}
    return (SILENCE, *sorted(spoken), UNKNOWN)


def known(text: str) -> bool:
    """Whether every word of `text` has a pronunciation."""
    return all(word in dictionary() for word in text.split())


def spelled(text: str) -> list[int]:
    """Return the numbers of the phones of `text`, each word in its usual pronunciation."""
    number = {phone: at for at, phone in enumerate(phones())}
    return [number[phone] for word in text.split() for phone in dictionary()[word][0]]
