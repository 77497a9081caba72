"""How a question is answered: which phrases and keys the caller may use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ivr.dialogue.actions import DigitEntry, Expectation

if TYPE_CHECKING:
    from ivr.dialogue.turn import Turn

ONE_KEY = DigitEntry(least=1, most=1)


def expect(
    turn: Turn,
    *,
    phrases: Iterable[str] = (),
    keys: DigitEntry = ONE_KEY,
    spoken_digits: int = 0,
    languages: tuple[str, ...] = (),
) -> Expectation:
    """What the caller may answer, in the language spoken now; no `phrases` leaves it open.

    Phrases of the global intents are not among them: they would only blur the narrow hypothesis
    (the "to" of "talk to an agent" beside the digit two), and whoever hears also listens openly.
    """
    speech = turn.by_speech
    return Expectation(
        speech=speech,
        phrases=(tuple(phrases) or None) if speech else None,
        keys=keys,
        spoken_digits=spoken_digits if speech else 0,
        languages=languages if speech else (),
    )
