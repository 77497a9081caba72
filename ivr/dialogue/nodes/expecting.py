"""How a question is answered: which phrases and keys the caller may use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ivr.dialogue.actions import DigitEntry, Expectation
from ivr.dialogue.lexicon import lexicon

if TYPE_CHECKING:
    from ivr.dialogue.turn import Turn

ONE_KEY = DigitEntry(least=1, most=1)


def narrowed(turn: Turn, phrases: Iterable[str]) -> tuple[str, ...] | None:
    """`phrases` and those of the global intents; None, leaving recognition open, where the
    language has no phrases.
    """
    own = tuple(phrases)
    if not own:
        return None
    words = lexicon(turn.state.language)
    wide = (phrase for phrases in words.globals_.values() for phrase in phrases)
    return tuple(dict.fromkeys((*own, *wide)))


def expect(
    turn: Turn,
    *,
    phrases: Iterable[str] = (),
    keys: DigitEntry = ONE_KEY,
    spoken_digits: int = 0,
) -> Expectation:
    """What the caller may answer, in the language spoken now; no `phrases` leaves it open."""
    speech = turn.by_speech
    return Expectation(
        speech=speech,
        phrases=narrowed(turn, phrases) if speech else None,
        keys=keys,
        spoken_digits=spoken_digits if speech else 0,
    )
