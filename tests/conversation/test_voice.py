"""The turn loop of a spoken call, from the ring to the end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from ivr.audio.format import TELEPHONE
from ivr.conversation.rules import TurnRules
from ivr.dialogue.inputs import ApiReplied
from tests.conversation.spoken_call import (
    FAREWELL,
    FRAME_MS,
    MENU,
    TOLD,
    Scene,
)


async def test_a_call_from_the_ring_to_the_goodbye() -> None:
    scene = Scene()
    await scene.ring()
    await scene.hear_out()
    await scene.say("balance")
    await scene.hear_out()
    await scene.press("2")
    await scene.until_over()
    assert scene.heard() == [*MENU, TOLD, *MENU, FAREWELL]
    assert scene.call.verdict == "hangup"
    said = [(turn.number, turn.who, turn.text) for turn in scene.records.turns]
    assert said == [
        (1, "bot", " ".join(MENU)),
        (2, "caller", "balance"),
        (3, "bot", " ".join((TOLD, *MENU))),
        (4, "caller", "2"),
        (5, "bot", FAREWELL),
    ]
    assert [each.cause for each in scene.records.finished] == ["bot"]
    assert scene.live == 0
    assert scene.clock.subscribers == 0


# Interrupting.


async def test_barge_in_stops_the_playout_at_once() -> None:
    scene = Scene()
    await scene.ring()
    await scene.listen(400)
    began = scene.now
    await scene.make_noise(600, "balance")
    spoken_on = [frame for frame in scene.call.heard[began:] if frame != TELEPHONE.silence]
    # 200 ms of speech, and what the voice detector needs to be sure.
    assert len(spoken_on) * FRAME_MS <= 320
    assert all(frame == TELEPHONE.silence for frame in scene.call.heard[-10:])
    await scene.listen(1200)
    await scene.hear_out()
    # The rest of the menu that was interrupted is not said: it has been answered.
    assert scene.heard(began) == [MENU[0], TOLD, *MENU]
    assert scene.records.turns[0].interrupted
    assert len(scene.events("barge_in")) == 1


async def test_a_key_interrupts_too() -> None:
    scene = Scene()
    await scene.ring()
    await scene.listen(400)
    began = scene.now
    await scene.press("1")
    await scene.hear_out()
    assert scene.heard(began) == [TOLD, *MENU]


@pytest.mark.parametrize("noise_ms", [240, 500, 900])
@pytest.mark.parametrize("words", ["", "okay"])
async def test_for_a_noise_or_an_okay_the_bot_pauses_and_goes_on_where_it_was(
    noise_ms: float, words: str
) -> None:
    scene = Scene()
    await scene.ring()
    # In the second sentence.
    await scene.listen(len(MENU[0].split()) * 200 + 300)
    await scene.make_noise(noise_ms, words)
    interrupted_at = scene.now
    assert all(frame == TELEPHONE.silence for frame in scene.call.heard[-5:])
    await scene.listen(300)
    await scene.hear_out()
    # The sentence that was cut short is said to its end, and nothing of it twice.
    assert scene.heard(interrupted_at) == [MENU[1]]
    assert scene.ms_of(MENU[1]) == len(MENU[1].split()) * 200
    assert [turn.who for turn in scene.records.turns] == ["bot"]
    assert not scene.records.turns[0].interrupted
    assert scene.events("barge_in") == []
    # And the caller has the floor as before.
    scene.scribe.words.clear()
    await scene.say("balance")
    await scene.hear_out()
    assert TOLD in scene.heard(interrupted_at)


async def test_an_answer_to_half_a_turn_is_taken_back() -> None:
    scene = Scene()
    await scene.ring()
    await scene.hear_out()
    began = scene.now
    await scene.make_noise(600, "balance")
    await scene.listen(400)
    assert scene.heard(began) == [TOLD]
    # They go on before they have heard much of it.
    scene.scribe.words.clear()
    await scene.make_noise(600, "balance and nothing else")
    heard_ms = scene.ms_of(TOLD)
    assert heard_ms <= 400
    await scene.listen(400)
    await scene.hear_out()
    assert scene.heard(began) == [TOLD, *MENU]
    assert scene.ms_of(TOLD) == heard_ms + len(TOLD.split()) * 200
    turns = [(turn.who, turn.text, turn.interrupted) for turn in scene.records.turns[1:]]
    assert turns == [
        ("caller", "balance", False),
        ("bot", " ".join((TOLD, *MENU)), True),
        ("caller", "balance and nothing else", False),
        ("bot", " ".join((TOLD, *MENU)), False),
    ]
    assert len(scene.events("taken_back")) == 1
    assert scene.events("barge_in") == []


async def test_what_follows_is_worked_out_while_the_caller_may_still_go_on() -> None:
    scene = Scene()
    await scene.ring()
    await scene.hear_out()
    asked = len(scene.choir.texts)
    await scene.make_noise(600, "balance please")
    await scene.listen(100)
    await scene.think()
    # Looked at, understood, stepped and spoken, but not heard, nor done.
    assert TOLD in scene.choir.texts[asked:]
    assert [turn.who for turn in scene.records.turns] == ["bot"]
    # They go on, and it was for nothing.
    scene.scribe.words.clear()
    await scene.make_noise(400, "goodbye")
    began = scene.now
    await scene.until_over()
    assert scene.heard(began) == [FAREWELL]


async def test_a_cough_or_a_word_nobody_knows_is_asked_about() -> None:
    scene = Scene()
    await scene.ring()
    await scene.hear_out()
    began = scene.now
    await scene.make_noise(900)
    await scene.listen(1200)
    await scene.hear_out()
    assert scene.heard(began)[0] == "I did not get what you said."


async def test_answers_come_in_the_order_of_the_questions() -> None:
    scene = Scene()
    await scene.ring()
    await scene.listen(300)
    began = scene.now
    await scene.say("balance")
    await scene.listen(300)
    assert scene.heard(began)[-1] == TOLD
    # The answer is interrupted by the next question, and is not finished after its answer.
    again = scene.now
    await scene.say("goodbye")
    await scene.until_over()
    assert scene.heard(again) == [TOLD, FAREWELL]
    assert [turn.text for turn in scene.records.turns if turn.who == "caller"] == [
        *("balance", "goodbye"),
    ]


async def test_what_is_said_while_the_bot_decides_is_no_second_turn() -> None:
    scene = Scene()
    waiting: asyncio.Future[ApiReplied] = asyncio.get_running_loop().create_future()

    async def slow(request: Any) -> ApiReplied:
        scene.asked.append(request)
        return await waiting

    object.__setattr__(scene.services, "call_api", slow)
    await scene.ring()
    await scene.hear_out()
    await scene.press("3")
    await scene.hear_out()
    await scene.press("4711")
    began = scene.now
    await scene.make_noise(400)
    await scene.press("9")
    await scene.listen(800)
    assert scene.heard(began) == []
    waiting.set_result(ApiReplied(request_id=scene.asked[0].request_id, ok=True, status=201))
    await scene.hear_out()
    assert scene.heard(began) == ["That is right.", *MENU]
    assert [turn.who for turn in scene.records.turns].count("caller") == 2


# Sensitive steps.


@pytest.mark.parametrize("works", [True, False])
async def test_a_sensitive_step_leaves_no_trace(works: bool) -> None:
    scene = Scene()
    if not works:
        scene.reply = lambda request: ApiReplied(
            request_id=request.request_id, ok=False, status=422, error="refused"
        )
    with capture_logs() as logs:
        await scene.ring()
        await scene.hear_out()
        await scene.press("3")
        await scene.hear_out()
        opened = scene.scribe.opened
        # Spoken digits are not even recognised.
        await scene.make_noise(800, "four seven one one")
        await scene.listen(1000)
        assert scene.scribe.opened == opened
        scene.scribe.words.clear()
        await scene.press("4711")
        await scene.hear_out()
        await scene.press("2")
        await scene.until_over()
    assert dict(scene.asked[0].body or {}) == {"pin": "4711"}
    assert ("That is right." if works else "That is not right.") in scene.heard()
    traces = {
        "records": [record.model_dump_json() for record in scene.records.all],
        "events": [str(event) for event in scene.published],
        "logs": [str(entry) for entry in logs],
        "sessions": scene.sessions.texts,
        "the request as shown": [repr(request) for request in scene.asked],
    }
    for where, texts in traces.items():
        assert texts, where
        assert not [text for text in texts if "4711" in text], where
    assert "[sensitive]" in [turn.text for turn in scene.records.turns]


async def test_a_fault_at_a_sensitive_step_leaves_no_trace() -> None:
    scene = Scene()

    def fail(request: Any) -> ApiReplied:
        raise ValueError("no such thing")

    scene.reply = fail
    with capture_logs() as logs:
        await scene.ring()
        await scene.hear_out()
        await scene.press("3")
        await scene.hear_out()
        await scene.press("4711")
        await scene.until_really_over()
    assert "conversation_failed" in [entry["event"] for entry in logs]
    assert not [entry for entry in logs if "4711" in str(entry)]
    assert not [text for text in scene.sessions.texts if "4711" in text]


# Silence, and time.


async def _tick(scene: Scene, ms: float) -> None:
    """Let so much time pass on the line, and the loop take note of it."""
    await scene.listen(ms)
    await asyncio.sleep(0.12)
    await scene.listen(FRAME_MS)


async def test_silence_is_answered_after_5_30_and_60_s() -> None:
    scene = Scene()
    await scene.ring()
    await scene.hear_out()
    silent_since = scene.now
    await _tick(scene, 4_600)
    assert scene.heard(silent_since) == []
    await _tick(scene, 400)
    await scene.hear_out()
    assert scene.heard(silent_since) == [*MENU]
    # Silence goes on counting from where it began: our asking is no act of the caller's.
    second_at = scene.now
    await _tick(scene, 29_500 - (second_at - silent_since) * FRAME_MS)
    assert scene.heard(second_at) == []
    await _tick(scene, 600)
    await scene.hear_out()
    assert scene.heard(second_at)[0] == "Are you still there?"
    third_at = scene.now
    await _tick(scene, 59_500 - (third_at - silent_since) * FRAME_MS)
    assert scene.heard(third_at) == []
    await _tick(scene, 600)
    await scene.until_over()
    assert "Goodbye." in scene.heard(third_at)[-1]
    assert scene.call.verdict == "hangup"


async def test_a_caller_who_speaks_again_is_given_all_the_time_anew() -> None:
    scene = Scene()
    await scene.ring()
    await scene.hear_out()
    await _tick(scene, 5_100)
    await scene.hear_out()
    await scene.say("balance")
    await scene.hear_out()
    silent_since = scene.now
    await _tick(scene, 4_600)
    assert scene.heard(silent_since) == []
    await _tick(scene, 500)
    await scene.hear_out()
    assert scene.heard(silent_since) == [*MENU]


@pytest.mark.parametrize("when", ["listening", "speaking", "deciding"])
async def test_a_call_that_is_too_long_is_led_to_its_end(when: str) -> None:
    scene = Scene(longest_call_s=0.3, rules=TurnRules())
    waiting: asyncio.Future[ApiReplied] = asyncio.get_running_loop().create_future()

    async def slow(request: Any) -> ApiReplied:
        scene.asked.append(request)
        return await waiting

    object.__setattr__(scene.services, "call_api", slow)
    await scene.ring()
    if when == "listening":
        await scene.hear_out()
    elif when == "deciding":
        await scene.press("3")
        await scene.press("4711")
    await asyncio.sleep(0.35)
    if when == "deciding":
        waiting.set_result(ApiReplied(request_id=scene.asked[0].request_id, ok=True, status=201))
    await scene.until_over()
    assert "Goodbye." in scene.heard()[-1]
    assert scene.call.verdict == "hangup"
