"""When the bot has answered, told from what the worker says."""

from __future__ import annotations

import asyncio

import pytest

from ivr.scenarios.call_events import CallEvents, Event, is_answered, last_action, turns
from ivr.telephony.loopback import SteppedClock

BOT: Event = {"event": "turn", "number": 2, "who": "bot", "text": "hello"}
CALLER: Event = {"event": "turn", "number": 1, "who": "caller", "text": "hi"}
BARGE_IN: Event = {"event": "barge_in"}
LISTENING: Event = {"event": "state", "state": "listening"}
PROCESSING: Event = {"event": "state", "state": "processing"}
HUNG_UP: Event = {"event": "call_finished", "cause": "bot", "detail": "hung up"}
AT_AGENT: Event = {"event": "call_finished", "cause": "bot", "detail": "transfer to agent"}
GONE: Event = {"event": "call_finished", "cause": "caller", "detail": "hung up"}


@pytest.mark.parametrize(
    ("events", "begun", "heard_out"),
    [
        ([], False, False),
        ([CALLER], False, False),
        ([LISTENING, CALLER], False, False),
        ([CALLER, PROCESSING, BOT], True, False),
        ([CALLER, PROCESSING, BOT, LISTENING], True, True),
        # A noise: nothing came of it.
        ([PROCESSING, LISTENING], False, False),
        # One moment please, and then the answer.
        ([CALLER, BOT, BOT], True, False),
        ([CALLER, BOT, BOT, LISTENING], True, True),
        # The caller went on speaking into the answer.
        ([CALLER, BOT, BARGE_IN, CALLER], False, False),
        ([CALLER, BOT, BARGE_IN, CALLER, BOT, LISTENING], True, True),
        ([CALLER, BOT, HUNG_UP], True, True),
        ([GONE], True, True),
    ],
)
def test_an_answer_has_begun_and_has_been_heard_out(
    events: list[Event], begun: bool, heard_out: bool
) -> None:
    assert is_answered(events, begun=True) is begun
    assert is_answered(events) is heard_out


@pytest.mark.parametrize(
    ("events", "action"),
    [
        ([], ""),
        ([CALLER, BOT], ""),
        ([BOT, LISTENING], "listen"),
        ([LISTENING, HUNG_UP], "hang_up"),
        ([LISTENING, AT_AGENT], "transfer agent"),
        ([GONE], ""),
    ],
)
def test_what_the_bot_does_now(events: list[Event], action: str) -> None:
    assert last_action(events) == action


def turn(number: int, who: str) -> Event:
    return {"event": "turn", "who": who, "number": number, "text": str(number)}


def test_what_got_lost_is_made_good_from_the_records() -> None:
    calls = CallEvents()
    assert not calls.incomplete
    for event in (turn(1, "bot"), LISTENING, turn(4, "caller")):
        calls.note(event)
    assert calls.incomplete
    calls.make_good([turn(1, "bot"), turn(2, "caller"), turn(3, "bot"), turn(4, "caller")])
    assert not calls.incomplete
    assert [event["text"] for event in turns(calls.events, "bot")] == ["1", "3"]
    assert [event["text"] for event in turns(calls.events, "caller")] == ["2", "4"]
    calls.make_good([HUNG_UP])
    for late in (HUNG_UP, turn(3, "bot")):
        calls.note(late)
    assert calls.events.count(HUNG_UP) == 1
    assert calls.events.count(turn(3, "bot")) == 1


def test_how_long_a_turn_has_been_known() -> None:
    clock = SteppedClock()
    calls = CallEvents(clock)
    clock.step(50)
    assert calls.since_bot_turn_s == 0
    calls.note(turn(1, "bot"))
    clock.step(50)
    calls.note(turn(2, "caller"))
    assert calls.since_bot_turn_s == pytest.approx(1.0)


async def test_whoever_waits_is_told() -> None:
    calls = CallEvents()
    calls.note(LISTENING)
    waiting = asyncio.create_task(calls.answered(1, begun=False, timeout_s=5))
    await asyncio.sleep(0)
    for event in (CALLER, BOT):
        calls.note(event)
        await asyncio.sleep(0)
        assert not waiting.done()
    calls.note(LISTENING)
    await waiting


async def test_waiting_ends() -> None:
    with pytest.raises(TimeoutError):
        await CallEvents().answered(0, begun=True, timeout_s=0.01)
    with pytest.raises(TimeoutError):
        await CallEvents().begun(0.01)
