"""A worker dies or freezes under a call, and another goes on with it; `serve` is told to stop
under a call, and lets it finish."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from uuid import UUID

import psutil
import pytest

from ivr.errors import IvrError
from ivr.phone.audiosocket import AudioSocketPhone
from ivr.telephony.call import EndedBy
from tests.e2e.conftest import RingIn, Site
from tests.e2e.records import assert_recorded_once
from tests.e2e.stack import Stack, send
from tests.e2e.talk import Sounds, Talk
from tests.e2e.words import was_heard

pytestmark = [pytest.mark.postgres, pytest.mark.redis]

BALANCE = "one thousand two hundred and fifty rupees"
BRIDGE = "for a moment"

KILLED_MS = 1000.0
"""The longest pause that a caller hears whose worker was killed."""
FROZEN_MS = 3500.0
"""Whose worker froze: somebody has to notice first, the watchdog or Asterisk (after 2 s)."""


@pytest.fixture
def stack(switched_stack: Stack) -> Stack:
    """The two workers, both up."""
    switched_stack.until_ready()
    return switched_stack


async def ask_for_balance(talk: Talk) -> None:
    """Up to the middle of the sentence with the balance."""
    await talk.hear_begin()
    await talk.say("what is my balance")
    await talk.hear("what is your account number")
    await talk.say("four four seven one two three")
    await talk.hear_begin()
    await talk.listen_on(ms=600)


async def say_goodbye(talk: Talk) -> None:
    await talk.say("no thank you")
    await talk.hear("goodbye")
    async with asyncio.timeout(5):
        await talk.phone.ended.wait()


def workers_of(stack: Stack, call_id: UUID) -> list[tuple[str, bool]]:
    """Who took the call, in order, and whether it was taken over."""
    return [
        (entry["worker"], entry["taken_over"]) for entry in stack.events("call_started", call_id)
    ]


@pytest.mark.parametrize(
    ("number", "pause_ms"), [(signal.SIGKILL, KILLED_MS), (signal.SIGSTOP, FROZEN_MS)]
)
async def test_another_worker_goes_on(
    site: Site, ring_in: RingIn, number: signal.Signals, pause_ms: float
) -> None:
    stack = site.stack
    stack.until_ready()
    talk = await ring_in("1")
    await ask_for_balance(talk)
    call_id = await talk.call_id()
    talk.bots_turn()
    ((first, _),) = workers_of(stack, call_id)
    send(stack.worker_pid(first), number)
    words = await talk.hear(BALANCE, longest_silence_ms=pause_ms)
    print(f"{number.name}: the caller heard nothing for {talk.silences_ms[-1]:.0f} ms")
    assert was_heard(BRIDGE, words)
    await say_goodbye(talk)
    other = {"worker-0": "worker-1", "worker-1": "worker-0"}[first]
    assert workers_of(stack, call_id) == [(first, False), (other, True)]
    turns = assert_recorded_once(stack, call_id)
    assert turns[-1].text == "Thank you for your call. Goodbye."


async def test_a_worker_that_wakes_neither_speaks_nor_writes(stack: Stack, sounds: Sounds) -> None:
    """The line goes to the other worker while nobody has noticed that the first one froze."""
    first = AudioSocketPhone(stack.notes.host, stack.notes.audiosocket_ports[0])
    call_id = first.call_id
    second = AudioSocketPhone(stack.notes.host, stack.notes.audiosocket_ports[1], call_id)
    sleeper = stack.worker_pid("worker-0")
    talk = Talk(first, sounds)
    later = Talk(second, sounds)
    try:
        await talk.ring()
        await talk.hear_begin()
        await talk.press("1")
        await ask_for_balance(talk)
        send(stack.process.pid, signal.SIGSTOP)
        send(sleeper, signal.SIGSTOP)
        await talk.press("*")
        await first.hang_up()
        await later.ring()
        words = await later.hear(BALANCE)
        assert was_heard(BRIDGE, words)
        send(sleeper, signal.SIGCONT)
        await asyncio.to_thread(stack.until_logged, "fenced", call_id)
        await say_goodbye(later)
    finally:
        send(sleeper, signal.SIGCONT)
        send(stack.process.pid, signal.SIGCONT)
        await talk.hang_up()
        await later.hang_up()
    turns = assert_recorded_once(stack, call_id)
    assert turns[-1].text == "Thank you for your call. Goodbye."
    assert [entry["worker"] for entry in stack.events("call_finished", call_id)] == ["worker-1"]
    taken_over = stack.until_logged("call_started", call_id, taken_over=True)["at"]
    late = [turn for turn in stack.events("turn", call_id) if turn["at"] > taken_over]
    assert {turn["worker"] for turn in late} == {"worker-1"}


async def test_serve_lets_a_live_call_finish(tmp_path: Path, sounds: Sounds) -> None:
    with Stack(tmp_path / "var", environment={"IVR_DRAIN_S": "60"}) as stack:
        phone = AudioSocketPhone(stack.notes.host, stack.notes.audiosocket_ports[0])
        talk = Talk(phone, sounds)
        await talk.ring()
        await talk.hear_begin()
        await talk.press("1")
        await talk.hear_begin()
        await talk.say("what is my balance")
        await talk.hear("what is your account number")
        children = [psutil.Process(pid) for pid in stack.descendants()]
        stack.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(stack.until_logged, "draining", live_calls=1)
        with pytest.raises(IvrError, match="Nobody answers"):
            await AudioSocketPhone(stack.notes.host, stack.notes.audiosocket_ports[0]).ring()
        await talk.say("four four seven one two three")
        await talk.hear(BALANCE)
        await say_goodbye(talk)
        await talk.hang_up()
        assert phone.ending is not None
        assert phone.ending.by is EndedBy.BOT
        assert await asyncio.to_thread(stack.process.wait, 15) == 0
        left = [child for child in children if child.is_running()]
        assert not left, "processes were left behind"
        told = len(stack.events("turn", phone.call_id))
    with Stack(tmp_path / "var") as stack:
        turns = stack.turns(phone.call_id)
    assert len(turns) == told
    assert [turn.number for turn in turns] == list(range(1, told + 1))
