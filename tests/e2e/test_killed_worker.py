"""Workers are killed and frozen under callers who talk to them, through a real FreeSWITCH."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator

import pytest

from ivr.phone.sip import SipPhone
from ivr.telephony.call import EndedBy
from ivr.telephony.freeswitch.client import EslClient
from tests.e2e.deaths import (
    assert_all_led_to_their_ends,
    freeze_under_caller,
    kill_under_callers,
    next_number,
    worker_of,
)
from tests.e2e.stack import Stack, send, until
from tests.e2e.talk import Sounds, SwitchedTalk
from tests.e2e.words import was_heard
from tests.freeswitch.switch import FreeSwitch

pytestmark = [pytest.mark.freeswitch, pytest.mark.postgres, pytest.mark.redis]

OUTAGE_MS = 2000.0
"""From the death of a worker to the next one's voice, on a busy machine; `bench.takeovers` measures
it."""
REPLACED_MS = 2000.0
"""The same for a worker that froze."""
ENGLISH = "7003"
"""A number without a menu, whose callers are with a worker at once."""


async def test_killed_at_five_moments(
    freeswitch_stack: tuple[Stack, FreeSwitch], sounds: Sounds
) -> None:
    stack, switch = freeswitch_stack
    target = switch.sip_target(ENGLISH)
    deaths = await kill_under_callers(stack, target, sounds, moments=5, at_once=3, seed=3)
    unheard = await assert_all_led_to_their_ends(stack, deaths)
    silences = sorted(deaths.silences_ms())
    struck = f"{len(silences)} moments in {len(deaths.calls)} calls, {unheard} answers unheard"
    print(f"{struck}; silences of {silences} ms")
    assert silences[-1] <= OUTAGE_MS


async def test_a_frozen_worker_is_replaced(
    freeswitch_stack: tuple[Stack, FreeSwitch], sounds: Sounds
) -> None:
    stack, switch = freeswitch_stack
    freeze = await freeze_under_caller(stack, switch.sip_target(ENGLISH), sounds)
    print(freeze)
    assert freeze.silence_ms <= REPLACED_MS


@pytest.fixture
async def operator(freeswitch_stack: tuple[Stack, FreeSwitch]) -> AsyncIterator[EslClient]:
    """A client of the switch; in the end each worker has its place again."""
    stack, switch = freeswitch_stack
    operator = await switch.operator()
    yield operator
    for place, port in enumerate(stack.notes.freeswitch_ports, 1):
        await operator.api(f"global_setvar ivr_worker_{place}=127.0.0.1:{port}")
    await operator.close()


async def test_a_worker_that_wakes_can_neither_speak_nor_write(
    freeswitch_stack: tuple[Stack, FreeSwitch], sounds: Sounds, operator: EslClient
) -> None:
    """The watchdog, which would kill it, sleeps too; an operator gives its call to the other."""
    stack, switch = freeswitch_stack
    await asyncio.to_thread(stack.until_ready)
    number = next_number()
    talk = SwitchedTalk(
        SipPhone(switch.sip_target(ENGLISH), number=number), sounds, stack, number, "en"
    )
    await talk.ring()
    await talk.hear_begin()
    await talk.say("what is my balance")
    await talk.hear("what is your account number")
    call_id = await talk.call_id()
    worker = worker_of(stack, number)
    assert worker is not None
    frozen = stack.worker_pid(worker)
    other = stack.notes.freeswitch_ports[1 - int(worker[-1])]
    for place in (1, 2):
        await operator.api(f"global_setvar ivr_worker_{place}=127.0.0.1:{other}")
    send(stack.process.pid, signal.SIGSTOP)
    try:
        # With the caller's words on their way to it, it has something to say when it wakes.
        talk.phone.handset.speak(sounds["four four seven one two three"])
        await talk.phone.handset.spoken()
        send(frozen, signal.SIGSTOP)
        await operator.api(f"uuid_transfer {call_id} worker XML ivr")
        talk.bots_turn()
        again = await talk.hear("what is your account number")
        assert was_heard("lost you for a moment", again)
        asleep = stack.events("turn", call_id)
        send(frozen, signal.SIGCONT)
        talk.bots_turn()
        await asyncio.to_thread(stack.until_logged, "fenced", call_id, worker=worker)
        # Where a socket closes, FreeSWITCH ends any park of the channel, also that of the next
        # worker: the dialplan hands the call over once more.
        again = await talk.hear("what is your account number")
        assert was_heard("lost you for a moment", again)
        await talk.say("four four seven one two three")
        await talk.hear("one thousand two hundred and fifty rupees")
        await talk.say("no thank you")
        await talk.hear("goodbye")
        async with asyncio.timeout(5):
            await talk.phone.ended.wait()
    finally:
        send(frozen, signal.SIGCONT)
        send(stack.process.pid, signal.SIGCONT)
        await talk.hang_up()
    # The record has an end since the switch took the call elsewhere; the last one counts.
    await asyncio.to_thread(
        until, lambda: stack.call(call_id).cause == EndedBy.BOT.value, 10, "the bot ended the call"
    )
    awake = [event for event in stack.events("turn", call_id) if event not in asleep]
    assert {event["worker"] for event in awake} == {f"worker-{1 - int(worker[-1])}"}
    texts = [turn.text for turn in stack.turns(call_id)]
    said = [event["text"] for event in stack.events("turn", call_id)]
    assert texts == said
