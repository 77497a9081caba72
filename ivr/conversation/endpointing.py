"""When a turn is over: by what has been said, and by whether the flow can go on with it. Pure.

complete     an option, all the digits                              the shortest silence
understood   the flow can go on, and such sentences mostly end
doubtful     the flow can go on, but such sentences mostly go on
open         they hardly ever end, or the flow makes nothing of them
unfinished   the last words want another, digits lack               the longest
unheard      sound without words
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ivr.conversation.rules import TurnRules
from ivr.dialogue.actions import Expectation

_DIGIT_WORDS = frozenset("zero oh o one two three four five six seven eight nine".split())
_REPEATS = {"double": 2, "triple": 3}


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at the words so far has found. `accepted`: the flow can go on with them;
    `ends`: how likely such words end a sentence, 0..1; `wants_more`: the last one hardly does.
    `backchannel`: they say no more than "I am listening"; `halts`: they are said to stop somebody;
    `disputed`: see `Transcript`; `late`: the bot has all but finished."""

    text: str
    confidence: float = 1.0
    accepted: bool = False
    ends: float = 0.5
    wants_more: bool = False
    backchannel: bool = False
    halts: bool = False
    disputed: float = 0.0
    late: bool = False


def endpoint_silence_ms(rules: TurnRules, expect: Expectation, look: Look | None) -> float:
    """How long the caller must be silent before their turn is over."""
    words = look.text.lower().split() if look is not None else []
    if look is None or not words:
        return rules.endpoint_unheard_ms
    if expect.spoken_digits:
        spoken = spoken_digit_count(words)
        if spoken is not None:
            complete = look.accepted or spoken >= expect.spoken_digits
            return rules.endpoint_complete_ms if complete else rules.endpoint_unfinished_ms
    if expect.phrases and _is_phrase(look.text, expect.phrases) and not look.wants_more:
        return rules.endpoint_complete_ms
    if look.wants_more or look.ends < rules.goes_on_below:
        return rules.endpoint_unfinished_ms
    if look.accepted and look.ends >= rules.doubtful_from:
        surely = look.ends >= rules.ends_from
        return rules.endpoint_understood_ms if surely else rules.endpoint_doubtful_ms
    return rules.endpoint_open_ms


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


def _is_phrase(said: str, phrases: tuple[str, ...]) -> bool:
    heard = re.sub(r"[^\w' ]", "", said.lower()).strip()
    return any(heard == phrase.lower() for phrase in phrases)
