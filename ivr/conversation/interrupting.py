"""When the bot falls silent for a caller: at once, and for good only when it is clear who that
was. Pure.

Two stages. The bot pauses as soon as somebody sounds who is no echo of it and no mere hum: that
costs little where it was nothing. Then the words decide: an answer, or words we are sure of,
interrupt; a cough or an "okay" does not, and the bot goes on where it paused.
"""

from __future__ import annotations

from ivr.conversation.endpointing import Look
from ivr.conversation.rules import TurnRules

_LIKELY = 0.6
"""Confidence in words that interrupt at all; as sure of something else, they do not: a cough is
two different words to two hypotheses."""
_SURE = 0.85
"""Confidence in words that interrupt though the flow makes nothing of them."""
_SENTENCE = 3
"""So many different words of which the recogniser is sure are no cough, and no listener's sound in
a language that it does not know: it makes "one one" of the one, and "hi" of the other."""


def pauses_bot(rules: TurnRules, since_onset_ms: float, *, doubtful: bool) -> bool:
    """Whether speech that began so long ago makes the bot pause. `doubtful`: it may be no more
    than an echo of the bot, or a hum."""
    return since_onset_ms >= rules.hold_ms and not doubtful


def interrupts(look: Look) -> bool:
    """Whether what was said into the bot's words is meant to interrupt them.

    What says no more than "I am listening" (Yngve 1970, "On getting a word in edgewise", Chicago
    Linguistic Society 6) is an answer only where the question is all but asked.
    """
    words = look.text.split()
    if not words or look.confidence < _LIKELY:
        return False
    if look.backchannel:
        return look.accepted and look.late
    if look.accepted or look.halts:
        return look.disputed < _LIKELY
    return len(set(words)) >= _SENTENCE and look.confidence >= _SURE


def goes_on(look: Look, said: str) -> bool:
    """Whether the look, at a turn and what came after it, has found more than was `said`."""
    return len(look.text.split()) > len(said.split())
