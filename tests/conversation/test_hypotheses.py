"""Which of two hypotheses is believed, at a question that expects digits."""

from __future__ import annotations

import pytest

from ivr.conversation.hypotheses import choose, spoken_in
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


def test_more_words_around_what_was_heard_are_believed() -> None:
    options = ("address", "a address please", "my address")
    assert choose(heard("a"), heard("a new address"), options).text == "a new address"
    assert choose(heard("a"), heard("a new address", 0.7), options).text == "a"
    assert choose(heard("my"), heard("a new address"), options).text == "my"


def test_what_was_heard_as_something_else_is_in_dispute() -> None:
    assert choose(heard("no"), heard("nine one", 0.7), ["no"]).disputed == pytest.approx(0.7)
    assert choose(heard("no no"), heard("no one"), ["no"]).disputed == 0.0
    assert choose(heard("no"), heard(""), ["no"]).disputed == 0.0


def test_the_other_is_kept_as_an_alternative() -> None:
    believed = choose(heard("two"), heard("to"), DIGITS)
    assert (believed.text, believed.alternatives) == ("two", ("to",))
    believed = choose(heard("four", 0.5), heard("for sure", 0.7), DIGITS)
    assert (believed.text, believed.alternatives) == ("for sure", ("four",))
    assert choose(heard("nine"), heard(""), DIGITS).alternatives == ()


@pytest.mark.parametrize(
    ("english", "spanish", "language"),
    [
        # Whoever speaks Spanish sounds like something to an English ear, too.
        (heard("key arrow my sell though", 0.5), heard("quiero saber mi saldo", 0.95), "es"),
        (heard("what is my balance", 0.95), heard("guarda es mi", 0.6), "en"),
        # Surer of itself, but the words are none of the language's.
        (heard("i want to know", 0.7), heard("what is", 0.99), ""),
        # Both as sure as can be, both words of the language.
        (heard("what is my balance", 0.95), heard("quiero saber mi saldo", 0.96), ""),
        (heard("hm", 0.4), heard("", 0.0), ""),
    ],
)
def test_the_language_is_the_one_that_was_plainly_spoken(
    english: Transcript, spanish: Transcript, language: str
) -> None:
    believed = spoken_in({"en": english, "es": spanish}, "en")
    assert believed.language == language
    assert believed.text == (spanish.text if language == "es" else english.text)
