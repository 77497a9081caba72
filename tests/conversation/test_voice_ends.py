"""How a spoken call goes to another worker, to an agent, or to its end, whatever breaks."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from ivr.speech.recordings import shipped
from ivr.speech.synthesis.synthesiser import SynthesisFailed
from ivr.telephony.call import EndedBy
from ivr.telephony.loopback import LoopbackCall
from tests.conversation.spoken_call import (
    APOLOGY,
    CALL,
    FRAME_MS,
    MENU,
    TOLD,
    Scene,
)

# Other workers.


async def test_a_fenced_worker_falls_silent_and_writes_nothing_more() -> None:
    scene = Scene()
    await scene.ring()
    await scene.hear_out()
    await scene.sessions.claim(CALL)
    written, published, texts = (
        len(scene.records.all),
        len(scene.published),
        len(scene.sessions.texts),
    )
    began = scene.now
    await scene.say("balance")
    await scene.until_over()
    assert scene.heard(began) == []
    assert scene.call.verdict == ""
    assert scene.call.ending is not None
    assert scene.records.all[written:] == []
    assert scene.sessions.texts[texts:] == []
    assert {event["event"] for event in scene.published[published:]} <= {"state"}
    assert scene.live == 0


async def test_another_worker_bridges_and_goes_on_from_the_last_turn() -> None:
    first = Scene()
    await first.ring()
    await first.hear_out()
    await first.press("3")
    await first.hear_out()
    first.call.line_breaks()
    await first.until_over()

    second = Scene(sessions=first.sessions)
    await second.ring()
    await second.hear_out()
    assert second.heard()[:2] == [
        "We lost you for a moment, but I am here again.",
        "Please enter the four digits.",
    ]
    await second.press("4711")
    await second.hear_out()
    assert second.asked[0].path == "/pin"
    # What the first may not have lived to write is written again, and the turns go on counting.
    told, new = second.records.turns[:2]
    assert told == first.records.turns[-2]
    assert (told.who, told.text) == ("caller", "3")
    assert (new.who, new.number) == ("bot", first.records.turns[-1].number + 1)


async def test_a_call_that_was_over_is_ended_again() -> None:
    """The worker died between its last word and the switch's hearing of it."""
    first = Scene()
    await first.ring()
    await first.hear_out()
    await first.press("2")
    await first.listen(200)
    first.call.line_breaks()
    await first.until_over()

    second = Scene(sessions=first.sessions)
    await second.ring()
    await second.until_over()
    assert second.heard() == []
    assert second.call.verdict == "hangup"
    (finished,) = second.records.finished
    assert (finished.cause, finished.turns) == ("bot", first.records.turns[-1].number)


# Faults of ours.


async def test_a_fault_of_ours_is_owned_up_to_and_the_call_goes_to_the_next_worker() -> None:
    scene = Scene()
    await scene.ring()
    await scene.hear_out()
    scene.reader.fault = RuntimeError("a fault of ours")
    began = scene.now
    with capture_logs() as logs:
        await scene.say("balance")
        await scene.until_really_over()
    assert scene.heard(began) == [APOLOGY]
    # To its end.
    assert scene.ms_of(APOLOGY) >= scene.audible_ms(shipped().get("apology", "en")) - FRAME_MS
    assert scene.call.verdict == ""
    assert scene.call.ending is not None
    assert scene.call.ending.by is EndedBy.BOT
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == [
        "conversation_failed",
    ]
    assert len(scene.records.finished) == 1
    assert len(scene.events("call_finished")) == 1
    assert scene.live == 0


async def test_the_caller_hangs_up_during_the_apology() -> None:
    scene = Scene()
    await scene.ring()
    await scene.hear_out()
    scene.reader.fault = RuntimeError("a fault of ours")
    await scene.say("balance")
    scene.call.caller_hangs_up()
    await scene.until_really_over()
    assert [each.cause for each in scene.records.finished] == ["caller"]
    assert scene.live == 0


async def test_a_voice_with_a_fault_is_not_silence_for_ever() -> None:
    scene = Scene()
    await scene.ring()
    await scene.hear_out()
    scene.choir.fault = RuntimeError("a fault of ours")
    began = scene.now
    await scene.say("balance")
    await scene.hear_out()
    # Once, not for each of the three sentences.
    assert scene.heard(began) == [APOLOGY]
    assert scene.ms_of(APOLOGY) <= scene.audible_ms(shipped().get("apology", "en"))
    # The caller has the floor, and may say that again.
    scene.choir.fault = None
    began = scene.now
    await scene.say("balance")
    await scene.hear_out()
    assert scene.heard(began) == [TOLD, *MENU]


async def test_who_waits_for_a_voice_that_fails_is_asked_for_a_moment() -> None:
    scene = Scene()
    await scene.ring()
    await scene.hear_out()
    scene.choir.fault = SynthesisFailed("It is away.")
    began = scene.now
    await scene.say("balance")
    # It is given up after 8 s.
    async with asyncio.timeout(6):
        while not scene.heard(began):
            await scene.listen(FRAME_MS)
            await asyncio.sleep(0.01)
    assert scene.heard(began) == [APOLOGY]  # something recorded


async def test_a_recogniser_with_a_fault_costs_its_call_only_a_moment() -> None:
    scene = Scene()
    await scene.ring()
    await scene.hear_out()
    scene.scribe.fault = RuntimeError("a fault of ours")
    await scene.say("balance")
    await scene.until_really_over()
    # The line is let go, and the next worker has it.
    assert scene.call.verdict == ""
    assert scene.live == 0


# Going elsewhere.


async def test_a_transfer() -> None:
    scene = Scene()
    await scene.ring()
    await scene.hear_out()
    await scene.press("4")
    await scene.until_over()
    assert scene.heard()[-1] == "One moment."
    assert scene.call.verdict == "agent"
    assert scene.sessions.last is not None
    assert (scene.sessions.last.finished, scene.sessions.last.verdict) == (True, "agent")


async def test_a_refused_transfer_goes_on() -> None:
    scene = Scene()
    scene.call = LoopbackCall(scene.clock, call_id=CALL, destinations=())
    await scene.ring()
    await scene.hear_out()
    began = scene.now
    await scene.press("4")
    while scene.heard(began)[-2:] != [*MENU]:
        await scene.hear_out()
    assert scene.heard(began)[0] == "One moment."
    assert scene.call.ending is None
    assert scene.sessions.last is not None
    assert not scene.sessions.last.finished
    await scene.press("2")
    await scene.until_over()
    assert scene.call.verdict == "hangup"


# The caller leaves.


@pytest.mark.parametrize("when", ["at once", "greeting", "speaking", "keying", "goodbye"])
async def test_the_caller_hangs_up(when: str) -> None:
    scene = Scene()
    await scene.ring()
    if when != "at once":
        await scene.listen(400)
    if when == "speaking":
        await scene.make_noise(400, "balance")
    elif when == "keying":
        await scene.press("3")
        await scene.press("47")
    elif when == "goodbye":
        await scene.press("2")
        await scene.listen(200)
    scene.call.caller_hangs_up()
    await scene.until_really_over()
    assert [each.cause for each in scene.records.finished] == ["caller"]
    assert scene.live == 0
    assert scene.clock.subscribers == 0
