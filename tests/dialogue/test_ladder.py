"""The table of repair, the measured line, and who is in danger."""

from __future__ import annotations

import pytest

from ivr.dialogue.actions import Listen
from ivr.dialogue.flow import Flow
from ivr.dialogue.inputs import LineQuality
from ivr.dialogue.ladder import LADDER, Level, Trouble, level
from ivr.dialogue.line import line_fault
from ivr.languages.known import known_languages, language
from tests.dialogue.talking import BANK, Talk, heard

FLOW = Flow.load(BANK)


def test_every_trouble_has_rungs_that_end_with_a_person_or_a_goodbye() -> None:
    assert set(LADDER) == set(Trouble)
    for trouble, rungs in LADDER.items():
        assert rungs[-1] in (Level.AGENT, Level.GOODBYE), trouble
    assert {rung for rungs in LADDER.values() for rung in rungs} == set(Level)


def test_the_last_rung_is_final() -> None:
    assert level(Trouble.MISFIT, 99) is Level.AGENT
    assert level(Trouble.MISFIT, 0) is Level.RETRY


def test_an_unknown_wish_hears_what_can_be_done() -> None:
    talk = Talk(FLOW)
    texts = talk.say("order a cheque book", "order_cheque_book")
    assert texts[0] == "I do not know how to do that."
    assert texts[1].startswith("You can say, what is my balance.")
    for _ in range(3):
        talk.say("order a cheque book", "order_cheque_book")
    assert talk.state.verdict == "agent"


@pytest.mark.parametrize(
    ("quality", "prompt"),
    [
        (LineQuality(), ""),
        (LineQuality(level_dbfs=-20, noise_dbfs=-50, clipped=0, lost=0), ""),
        (LineQuality(level_dbfs=-40), "line_faint"),
        (LineQuality(level_dbfs=-20, noise_dbfs=-28), "line_noisy"),
        (LineQuality(clipped=0.02), "line_loud"),
        (LineQuality(lost=0.1), "line_broken"),
        (LineQuality(lost=0.1, clipped=0.5, level_dbfs=-60), "line_broken"),
        (LineQuality(level_dbfs=float("nan"), noise_dbfs=float("nan")), ""),
    ],
)
def test_what_is_wrong_with_a_line(quality: LineQuality, prompt: str) -> None:
    assert line_fault(quality) == prompt


def test_a_bad_line_is_told_once_and_keys_are_offered() -> None:
    talk = Talk(FLOW)
    wait = talk.wait
    assert talk.put(LineQuality(level_dbfs=-20, noise_dbfs=-24)) == []
    assert talk.wait == wait
    texts = talk.put(heard("mumble", asr=0.3))
    assert texts[0] == "It is too loud where you are. If you can, move to another place."
    assert texts[1].startswith("For your balance press one.")
    assert "too loud" not in talk.put(heard("mumble", asr=0.3))[0]


def test_a_line_that_has_become_good_is_not_blamed() -> None:
    talk = Talk(FLOW)
    talk.put(LineQuality(lost=0.3))
    talk.put(LineQuality(lost=0.0))
    assert talk.put(heard("mumble", asr=0.3))[0] == "I did not understand that."


@pytest.mark.parametrize("asr", [0.1, 0.9])
def test_whoever_is_in_danger_hears_what_to_do(asr: float) -> None:
    talk = Talk(FLOW)
    talk.say("block my card", "block_card")
    texts = talk.put(heard("please i think there is a fire in the house", asr=asr))
    assert texts[0] == "If this is an emergency, end this call now, and call one one two."
    assert isinstance(talk.wait, Listen)
    assert talk.state.node == "block_type"


def test_every_language_knows_cries_for_help_and_corrections() -> None:
    for code in known_languages():
        words = language(code)
        assert words.emergencies
        assert words.corrections
        assert words.yes
        assert words.no
        assert words.first
        assert words.second
