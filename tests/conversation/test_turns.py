"""Who has the floor, on drawn timelines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ivr.conversation.rules import TurnRules
from ivr.conversation.turns import (
    BargedIn,
    KeysEntered,
    SpeechBegan,
    SpeechDropped,
    SpeechEnded,
    SpeechPaused,
    StayedSilent,
    TurnTaker,
)
from ivr.dialogue.actions import DigitEntry, Expectation
from tests.conversation.timeline import Timeline

OPEN = Expectation()
SIX_DIGITS = Expectation(spoken_digits=6, keys=DigitEntry(least=6, most=6))


def listening(expect: Expectation = OPEN) -> Timeline:
    line = Timeline(TurnTaker(TurnRules()))
    line.turns.listen(expect, 0.0)
    return line


def bot_speaking(*, interruptible: bool = True, expect: Expectation = OPEN) -> Timeline:
    line = Timeline(TurnTaker(TurnRules()))
    line.turns.bot_began(interruptible=interruptible)
    line.turns.listen(expect, 0.0)
    return line


def test_a_turn_begins_at_its_onset_and_ends_after_the_silence_of_free_speech() -> None:
    line = listening()
    assert line.draw("..... ####") == [SpeechBegan(100.0)]
    line.turns.partial("what is my balance")
    assert line.wait(400, "#") == []
    assert line.wait(540) == [SpeechPaused()]
    assert line.wait(20) == [SpeechEnded(end_ms=580.0, speech_ms=480.0)]


def test_what_makes_sense_ends_sooner_than_what_does_not() -> None:
    line = listening()
    line.draw("#" * 30)
    line.turns.partial("what is my balance")
    assert line.wait(200) == [SpeechPaused()]
    line.turns.partial("what is my balance", understood=True)
    assert line.wait(180) == []
    assert [type(event) for event in line.wait(20)] == [SpeechEnded]


def test_what_made_sense_must_make_sense_again_when_more_is_said() -> None:
    line = listening()
    line.draw("#" * 30)
    line.wait(200)
    line.turns.partial("what is my balance", understood=True)
    line.draw("#" * 10)
    assert line.wait(500) == [SpeechPaused()]


def test_a_pause_within_a_turn_does_not_end_it() -> None:
    line = listening()
    line.draw("#" * 20)
    line.turns.partial("i want to")
    assert line.wait(900) == [SpeechPaused()]
    line.draw("#" * 20)
    line.turns.partial("i want to transfer money")
    assert line.wait(560) == [SpeechPaused(), SpeechEnded(end_ms=1700.0, speech_ms=800.0)]


def test_complete_digits_end_sooner_than_incomplete_ones() -> None:
    line = listening(SIX_DIGITS)
    line.draw("#" * 50)
    line.turns.partial("four four seven one")
    assert line.wait(980) == [SpeechPaused()]
    line.draw("#" * 20)
    line.turns.partial("double four seven one two three")
    assert [type(event) for event in line.wait(240)] == [SpeechPaused, SpeechEnded]


def test_a_turn_ends_by_the_clock_when_no_frame_comes_any_more() -> None:
    line = listening()
    line.draw("#" * 20)
    line.turns.partial("what is my balance")
    assert [type(event) for event in line.wait(700, "x")] == [SpeechPaused, SpeechEnded]


def test_a_click_is_no_turn() -> None:
    line = listening()
    assert line.draw("..#.....") == []
    assert line.wait(1000) == []


def test_speech_interrupts_the_bot_once_and_goes_on_as_a_turn() -> None:
    line = bot_speaking()
    events = line.wait(300, "#")
    assert events == [SpeechBegan(0.0), BargedIn()]
    line.turns.partial("stop")
    assert [type(event) for event in line.wait(1000)] == [SpeechPaused, SpeechEnded]


def test_a_short_noise_does_not_interrupt_the_bot() -> None:
    line = bot_speaking()
    assert line.draw("####### ......") == [SpeechBegan(0.0)]
    assert line.wait(1000) == [SpeechPaused(), SpeechDropped()]


def test_what_may_not_be_interrupted_is_not() -> None:
    line = bot_speaking(interruptible=False)
    assert line.wait(2000, "#") == []
    assert line.key("1") == []


def test_a_key_interrupts_at_once_and_makes_an_entry() -> None:
    line = bot_speaking(expect=Expectation(keys=DigitEntry()))
    assert line.key("2") == [BargedIn(), KeysEntered("2", 0.0)]


def test_a_key_takes_the_place_of_speech_under_way() -> None:
    line = listening()
    line.draw("#" * 10)
    assert line.key("7") == [SpeechDropped(), KeysEntered("7", 200.0)]


def test_keys_that_stop_coming_make_an_entry() -> None:
    line = listening(SIX_DIGITS)
    for key in "4471":
        assert line.key(key) == []
        line.wait(500)
    assert line.wait(3000) == [KeysEntered("4471", 1500.0)]


def test_silence_is_told_at_its_rungs_and_not_started_anew_by_prompts() -> None:
    line = listening()
    assert line.wait(5000) == [StayedSilent(1)]
    line.turns.take_floor()
    line.turns.bot_began(interruptible=True)
    line.turns.listen(OPEN, line.now_ms)
    line.wait(3000)
    line.turns.bot_fell_silent(line.now_ms)
    assert line.wait(21_900) == []
    assert line.wait(200) == [StayedSilent(2)]
    assert line.wait(29_800) == []
    assert line.wait(200) == [StayedSilent(3)]


def test_silence_is_not_told_while_the_bot_speaks() -> None:
    line = bot_speaking()
    assert line.wait(10_000) == []
    line.turns.bot_fell_silent(line.now_ms)
    assert line.wait(4900) == []
    assert line.wait(200) == [StayedSilent(1)]


def test_what_was_understood_starts_silence_anew() -> None:
    line = listening()
    line.wait(4900)
    line.turns.caller_acted()
    line.turns.listen(OPEN, line.now_ms)
    assert line.wait(4900) == []
    assert line.wait(100) == [StayedSilent(1)]


def test_nothing_is_a_turn_while_the_floor_is_ours() -> None:
    line = listening()
    line.turns.take_floor()
    assert line.wait(1000, "#") == []
    assert line.key("1") == []


def test_speech_still_going_on_when_the_floor_is_offered_counts_from_then() -> None:
    line = listening()
    line.turns.take_floor()
    line.wait(500, "#")
    line.turns.listen(OPEN, line.now_ms)
    assert line.wait(100, "#") == [SpeechBegan(500.0)]


def test_a_sensitive_step_is_deaf_to_speech() -> None:
    expect = Expectation(speech=False, sensitive=True, keys=DigitEntry(least=4, most=4))
    line = listening(expect)
    assert line.wait(2000, "#") == []
    for key in "123":
        line.key(key)
    assert line.key("4") == [KeysEntered("1234", 2000.0)]


def test_a_turn_without_end_is_ended() -> None:
    line = listening()
    events = line.wait(26_000, "#")
    assert SpeechEnded in [type(event) for event in events]


@given(st.text(alphabet="#.x", max_size=600), st.booleans())
def test_every_speech_that_began_ends_or_is_dropped(drawing: str, bot: bool) -> None:
    line = bot_speaking() if bot else listening()
    line.draw(drawing)
    line.wait(2000)
    began = sum(isinstance(event, SpeechBegan) for _, event in line.events)
    over = sum(isinstance(event, SpeechEnded | SpeechDropped) for _, event in line.events)
    assert began == over


@given(st.text(alphabet="0123456789*#ABCDxyz\n", max_size=30))
def test_keys_are_lost_nowhere(pressed: str) -> None:
    line = listening(Expectation(keys=DigitEntry(least=1, most=5)))
    for key in pressed:
        line.key(key)
    line.wait(4000)
    entered = "".join(event.keys for _, event in line.events if isinstance(event, KeysEntered))
    assert entered.replace("#", "") == "".join(k for k in pressed if k in "0123456789*ABCD")
