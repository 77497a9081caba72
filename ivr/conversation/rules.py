"""The rules of turn-taking, each a small pure function of what has been heard.

All times in ms. The figures are starting points from the literature, to be measured: gaps
between human turns have a mode near 200 ms, pauses inside a turn are often longer (Levinson and
Torreira 2015, Frontiers in Psychology 6:731), so silence alone cannot tell an end from a pause;
what has been said can.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ivr.dialogue.actions import Expectation

_DIGIT_WORDS = frozenset("zero oh o one two three four five six seven eight nine".split())
_REPEATS = {"double": 2, "triple": 3}
_UNFINISHED = frozenset(
    "a an the my your to of for from in on at with and or but i i'd i'm is are was want like need "
    "can could um uh er double triple hundred thousand this that".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRules:
    """The figures that the rules use, in ms."""

    pause_ms: float = 160
    """Silence after which the words so far are looked at."""
    endpoint_complete_ms: float = 240
    """Silence that ends a turn whose words are complete (a menu phrase, all the digits)."""
    endpoint_understood_ms: float = 400
    """Silence that ends a turn of free speech which makes sense as it is."""
    endpoint_open_ms: float = 560
    """Silence that ends any other turn of free speech."""
    endpoint_unfinished_ms: float = 1000
    """Silence that ends a turn whose last word wants another, or too few digits."""
    endpoint_unheard_ms: float = 700
    """Silence that ends a turn in which no word was made out."""
    speech_onset_ms: float = 60
    """Speech that opens the recogniser."""
    barge_in_ms: float = 200
    """Speech that interrupts the bot."""
    longest_turn_ms: float = 25_000
    """A turn is ended here whatever the caller does."""
    silence_rungs_ms: tuple[float, ...] = (5_000, 30_000, 60_000)
    """Silence of the caller after which the dialogue is told: rungs 1, 2, 3."""


def endpoint_silence_ms(
    rules: TurnRules, expect: Expectation, partial: str, *, understood: bool = False
) -> float:
    """How long the caller must be silent before their turn is over, given the words so far and
    whether they make sense as they are."""
    words = partial.lower().split()
    if not words:
        return rules.endpoint_unheard_ms
    if expect.spoken_digits:
        spoken = spoken_digit_count(words)
        if spoken is not None:
            complete = spoken >= expect.spoken_digits
            return rules.endpoint_complete_ms if complete else rules.endpoint_unfinished_ms
    if expect.phrases and _is_phrase(partial, expect.phrases):
        return rules.endpoint_complete_ms
    if words[-1] in _UNFINISHED:
        return rules.endpoint_unfinished_ms
    return rules.endpoint_understood_ms if understood else rules.endpoint_open_ms


def spoken_digit_count(words: list[str]) -> int | None:
    """How many digits the words spell, None when they are no digit string."""
    count, repeat = 0, 1
    for word in words:
        if word in _REPEATS:
            repeat = _REPEATS[word]
        elif word in _DIGIT_WORDS or word.isdigit():
            count += repeat * (len(word) if word.isdigit() else 1)
            repeat = 1
        else:
            return None
    return count


def _is_phrase(partial: str, phrases: tuple[str, ...]) -> bool:
    heard = re.sub(r"[^\w' ]", "", partial.lower()).strip()
    return any(heard == phrase.lower() for phrase in phrases)
