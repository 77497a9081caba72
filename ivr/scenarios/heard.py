"""Whether what the worker says that it said could be heard at the caller's end."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from ivr.audio.format import SAMPLE_BYTES, Audio
from ivr.speech.recognition.recogniser import Recogniser

_WORD = re.compile(r"[^\W\d_][\w']*")


async def recognised(recogniser: Recogniser, language: str, sound: Audio) -> str:
    """The words of a stretch of sound. Raises RecognitionFailed."""
    utterance = recogniser.open(language, sound.format)
    step = sound.format.rate * SAMPLE_BYTES
    for start in range(0, len(sound.pcm), step):
        utterance.feed(sound.pcm[start : start + step])
    return (await utterance.finish()).text


def share_heard(said: str, heard: str) -> float:
    """How many of the words of `said` are in `heard`, in order, 0..1; 1 for no words."""
    wanted, words = _WORD.findall(said.lower()), _WORD.findall(heard.lower())
    return _common(wanted, words) / len(wanted) if wanted else 1.0


def scripts(text: str) -> set[str]:
    """The scripts in which `text` is written, by Unicode's names: {"LATIN"}."""
    return {unicodedata.name(char, "?").split()[0] for char in text if char.isalpha()}


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(other) + 1)
    for word in one:
        before = 0
        for place, its in enumerate(other, 1):
            before, row[place] = (
                row[place],
                before + 1 if word == its else max(row[place], row[place - 1]),
            )
    return row[-1]
