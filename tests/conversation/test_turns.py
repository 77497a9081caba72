"""Who has the floor, on drawn timelines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.conversation.rules import TurnRules
from ivr.conversation.turns import (
    BargedIn,
    BotPaused,
    BotReleased,
    KeysEntered,
    SpeechBegan,
    SpeechDropped,
    SpeechEnded,
    SpeechPaused,
    StayedSilent,
    TakenBack,
    TurnTaker,
)
from ivr.dialogue.actions import DigitEntry, Expectation
from tests.conversation.timeline import Timeline

RULES = TurnRules(endpoint_understood_ms=220, endpoint_open_ms=420, endpoint_unfinished_ms=900)
"""Figures that stay as they are drawn here, however the rules are tuned."""

OPEN = Expectation()
SIX_DIGITS = Expectation(spoken_digits=6, keys=DigitEntry(least=6, most=6))


def listening(expect: Expectation = OPEN) -> Timeline:
    line = Timeline(TurnTaker(RULES))
    line.turns.listen(expect, 0.0)
    return line


def bot_speaking(*, interruptible: bool = True, expect: Expectation = OPEN) -> Timeline:
    line = Timeline(TurnTaker(RULES))
    line.turns.bot_began(interruptible=interruptible)
    line.turns.listen(expect, 0.0)
    return line


def test_a_turn_begins_at_its_onset_and_ends_after_the_silence_of_free_speech() -> None:
    line = listening()
    assert line.draw("..... ####") == [SpeechBegan(100.0)]
    assert line.wait(400, "#") == []
    assert line.wait(100) == [SpeechPaused()]
    assert line.look("what is my balance") == []
    assert line.wait(300) == []
    assert line.wait(20) == [SpeechEnded(end_ms=580.0, speech_ms=480.0)]


def test_nobody_looks_at_the_words_where_the_next_syllable_may_be_coming() -> None:
    line = listening()
    line.draw("#" * 30)
    assert line.wait(80) == []
    assert line.wait(20, "~") == []
    assert line.wait(300, "#") == []
    # What stirs may be a knock, and go on.
    assert line.wait(140, "~") == []
    assert line.wait(20, "~") == [SpeechPaused()]
    assert line.wait(100, "~") == []


def test_what_the_flow_can_go_on_with_ends_sooner_than_what_it_can_not() -> None:
    line = listening()
    line.draw("#" * 30)
    assert line.wait(200) == [SpeechPaused()]
    assert line.look("what is my balance", accepted=True) == []
    assert [type(event) for event in line.wait(20)] == [SpeechEnded]


def test_a_late_look_ends_at_once_what_has_been_silent_long_enough() -> None:
    line = listening()
    line.draw("#" * 30)
    line.wait(300)
    assert [type(event) for event in line.look("my balance", accepted=True)] == [SpeechEnded]


def test_what_made_sense_must_make_sense_again_when_more_is_said() -> None:
    line = listening()
    line.draw("#" * 30)
    line.wait(200)
    line.look("what is my balance", accepted=True)
    line.draw("#" * 10)
    assert line.wait(500) == [SpeechPaused()]


def test_a_pause_within_a_turn_does_not_end_it() -> None:
    line = listening()
    line.draw("#" * 20)
    line.wait(100)
    line.look("i want to", wants_more=True)
    assert line.wait(480) == []
    line.draw("#" * 20)
    assert line.wait(100) == [SpeechPaused()]
    line.look("i want to transfer money", accepted=True)
    assert line.wait(120) == [SpeechEnded(end_ms=1380.0, speech_ms=800.0)]


def test_complete_digits_end_sooner_than_incomplete_ones() -> None:
    line = listening(SIX_DIGITS)
    line.draw("#" * 50)
    line.wait(100)
    line.look("four four seven one")
    assert line.wait(480) == []
    line.draw("#" * 20)
    line.wait(100)
    line.look("double four seven one two three")
    assert [type(event) for event in line.wait(20)] == [SpeechEnded]


def test_a_turn_ends_by_the_clock_when_no_frame_comes_any_more() -> None:
    line = listening()
    line.draw("#" * 20)
    assert [type(event) for event in line.wait(100, "x")] == [SpeechPaused]
    line.look("what is my balance")
    assert [type(event) for event in line.wait(500, "x")] == [SpeechEnded]


def test_a_click_is_no_turn() -> None:
    line = listening()
    assert line.draw("..#.....") == []
    assert line.wait(1000) == []


# Interrupting: the bot pauses, then sees who it was.


def test_the_bot_pauses_for_a_voice_and_gives_way_to_words() -> None:
    line = bot_speaking()
    assert line.wait(300, "#") == [SpeechBegan(0.0), BotPaused()]
    assert line.events[1][0] == RULES.hold_ms
    assert line.wait(100) == [SpeechPaused()]
    assert line.look("stop", halts=True) == [BargedIn()]
    assert [type(event) for event in line.wait(400)] == [SpeechEnded]


def test_an_answer_that_is_complete_interrupts_and_ends_as_soon_as_any_other() -> None:
    line = bot_speaking(expect=Expectation(phrases=("yes", "no")))
    line.wait(300, "#")
    line.wait(120)
    events = line.look("yes", accepted=True)
    assert [type(event) for event in events] == [BargedIn, SpeechEnded]


@pytest.mark.parametrize(
    ("text", "found"), [("", {}), ("okay", {"backchannel": True}), ("the", {"accepted": False})]
)
def test_the_bot_goes_on_after_a_cough_or_an_okay(text: str, found: dict[str, bool]) -> None:
    line = bot_speaking()
    assert line.wait(300, "#") == [SpeechBegan(0.0), BotPaused()]
    line.wait(100)
    assert line.look(text, confidence=0.5, **found) == []
    assert line.wait(100) == [BotReleased(), SpeechDropped()]
    assert line.turns.bot_speaking


def test_the_bot_goes_on_where_nobody_can_say_what_that_was() -> None:
    line = bot_speaking()
    line.wait(300, "#")
    assert line.wait(580) == [SpeechPaused()]
    assert line.wait(20) == [BotReleased(), SpeechDropped()]


def test_a_click_does_not_pause_the_bot() -> None:
    line = bot_speaking()
    assert line.draw("##.......") == []
    assert line.wait(1000) == []


def test_whoever_speaks_on_and_on_is_given_way_to() -> None:
    line = bot_speaking()
    events = line.wait(1300, "#")
    assert events == [SpeechBegan(0.0), BotPaused(), BargedIn()]


def test_an_echo_of_the_bot_neither_pauses_nor_interrupts_it() -> None:
    line = bot_speaking()
    assert line.wait(2000, "?") == [SpeechBegan(0.0)]
    line.wait(100)
    line.look("balance", accepted=True)
    assert line.wait(200) == [SpeechDropped()]
    assert line.turns.bot_speaking


def test_the_bot_s_last_words_come_back_and_are_no_turn() -> None:
    line = bot_speaking()
    line.wait(400, "?")
    line.turns.bot_fell_silent(line.now_ms)
    assert line.wait(400) == [SpeechDropped()]


def test_what_is_held_when_nobody_may_speak_any_more_is_let_go() -> None:
    line = bot_speaking()
    line.wait(200, "#")
    line.turns.bot_began(interruptible=False)
    assert line.wait(20, "#") == [BotReleased(), SpeechDropped()]


# Taking a false start back.


def answering(said: str = "send money") -> Timeline:
    """The caller has said something, and is being answered since 20 ms."""
    line = listening()
    line.wait(600, "#")
    line.wait(100)
    line.look(said, accepted=True)
    assert [type(event) for event in line.wait(120)] == [SpeechEnded]
    line.turns.take_floor()
    line.turns.caller_acted()
    line.turns.bot_began(interruptible=True, now_ms=line.now_ms)
    line.turns.listen(SIX_DIGITS, line.now_ms)
    line.wait(20)
    return line


def test_an_answer_to_half_a_turn_is_taken_back_and_the_halves_are_one() -> None:
    line = answering()
    assert line.wait(300, "#") == [SpeechBegan(840.0, joins=True), BotPaused()]
    assert line.wait(100) == [SpeechPaused(joins=True)]
    assert line.look("send money to raj", accepted=True) == [TakenBack()]
    # By what the first half answered, and not by what was just asked.
    assert line.wait(120) == [SpeechEnded(end_ms=1140.0, speech_ms=300.0, joins=True)]


def test_a_breath_after_a_turn_takes_nothing_back() -> None:
    line = answering()
    line.wait(300, "#")
    line.wait(100)
    assert line.look("send money") == []
    assert line.wait(100) == [BotReleased(), SpeechDropped()]


def test_also_an_answer_that_may_not_be_interrupted_is_taken_back() -> None:
    line = answering()
    line.turns.bot_began(interruptible=False)
    assert line.wait(300, "#") == [SpeechBegan(840.0, joins=True), BotPaused()]


def test_whoever_has_heard_the_answer_answers_it() -> None:
    line = answering()
    line.wait(1400)
    assert line.wait(300, "#") == [SpeechBegan(2240.0), BotPaused()]


def test_what_has_happened_is_not_taken_back() -> None:
    line = answering()
    line.turns.settle()
    assert line.wait(300, "#") == [SpeechBegan(840.0), BotPaused()]


def test_what_is_said_after_a_key_is_no_rest_of_a_turn() -> None:
    line = answering()
    line.key("4")
    line.turns.bot_began(interruptible=True, now_ms=line.now_ms)
    assert line.wait(300, "#") == [SpeechBegan(840.0), BotPaused()]


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


_WORDS = st.sampled_from(["", "yes", "okay", "send money to", "four four"])


@given(
    st.lists(st.tuples(st.text(alphabet="#?.x", max_size=90), _WORDS), max_size=8), st.booleans()
)
def test_every_speech_that_began_ends_or_is_dropped(
    parts: list[tuple[str, str]], bot: bool
) -> None:
    line = bot_speaking() if bot else listening()
    for drawing, words in parts:
        line.draw(drawing)
        line.look(words)
    line.wait(2000)
    held = 0
    for _, event in line.events:
        held += isinstance(event, BotPaused)
        held -= isinstance(event, BotReleased | BargedIn | TakenBack)
        assert held in (0, 1)
    assert held == 0
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
