"""When the bot falls silent for a caller: at once, and for good only when it is clear who that
was. Pure.

Two stages. The bot pauses as soon as somebody sounds who is no echo of it and no mere hum: that
costs little where it was nothing. Then the words decide: an answer, or words we are sure of,
interrupt; a cough or an "okay" does not, and the bot goes on where it paused.
"""

from __future__ import annotations

from ivr.conversation.endpointing import Look, wants_more
from ivr.conversation.rules import TurnRules

_SURE = 0.85
"""Confidence in words that interrupt though the flow makes nothing of them."""
_SURE_OF_ONE = 0.9
"""The same of a single word: coughs are often taken for one."""


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
    if not words:
        return False
    if look.backchannel:
        return look.accepted and look.late
    if look.accepted:
        return True
    if all(wants_more(word) for word in words):
        return False
    return look.confidence >= (_SURE if len(words) > 1 else _SURE_OF_ONE)


def goes_on(look: Look, said: str) -> bool:
    """Whether the look, at a turn and what came after it, has found more than was `said`."""
    return len(look.text.split()) > len(said.split())
