"""Which of two hypotheses is believed, at a question that expects digits."""

from __future__ import annotations

import pytest

from ivr.conversation.hypotheses import choose
from ivr.dialogue.lexicon import global_intent
from ivr.speech.recognition.recogniser import Transcript, Word

DIGITS = "zero one two three four five six seven eight nine double".split()


def heard(text: str, sure: float = 1.0) -> Transcript:
    words = tuple(
        Word(text=word, start_ms=0.0, end_ms=1.0, confidence=sure) for word in text.split()
    )
    return Transcript(text=text, words=words)


def means_anything(text: str) -> bool:
    return global_intent(text, "en") is not None


@pytest.mark.parametrize(
    ("narrow", "open_", "believed"),
    [
        # As the bundled model hears a caller say these at a question for digits.
        (heard("eight one two", 0.89), heard("agent"), "agent"),
        (heard("oh"), heard("help"), "help"),
        (heard("two double", 0.89), heard("goodbye"), "goodbye"),
        (heard("three eight"), heard("repeat"), "repeat"),
        (heard("one two"), heard("continue"), "continue"),
        # What sounds like a digit is one here.
        (heard("five"), heard("bye"), "five"),
        (heard("four"), heard("more", 0.96), "four"),
        # Not sure enough to leave the question for.
        (heard("eight one"), heard("agent", 0.7), "eight one"),
        # As ever.
        (heard("two"), heard("to"), "two"),
        (heard(""), heard("cancel"), "cancel"),
        (heard("three two seven"), heard("thank you very much"), "thank you very much"),
        (heard("four", 0.5), heard("for sure", 0.7), "for sure"),
        (heard("nine"), heard(""), "nine"),
    ],
)
def test_the_likelier_is_believed(narrow: Transcript, open_: Transcript, believed: str) -> None:
    assert choose(narrow, open_, DIGITS, anywhere=means_anything).text == believed
