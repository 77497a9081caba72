"""Workers are killed and frozen under callers who talk to them, through a real FreeSWITCH."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import count
from uuid import UUID

import numpy as np
import pytest

from ivr.phone.sip import SipPhone
from ivr.settings import Settings
from ivr.telephony.call import EndedBy
from ivr.telephony.freeswitch.client import EslClient
from tests.e2e.persistent_caller import PersistentCaller
from tests.e2e.stack import Stack, send
from tests.e2e.talk import Sounds, SwitchedTalk
from tests.e2e.words import was_heard
from tests.freeswitch.switch import FreeSwitch

pytestmark = [pytest.mark.freeswitch, pytest.mark.postgres, pytest.mark.redis]

OUTAGE_MS = 500.0
"""From the death of a worker to the next one's voice, p95."""
REPLACED_MS = 2000.0
"""The same for a worker that froze."""
ENGLISH = "7003"
"""A number without a menu, whose callers are with a worker at once."""

_MOST_DEATHS = 2
"""Under one call: after some more it would be led to an agent, as it should."""

_numbers = count(1)


@dataclass
class Deaths:
    """What callers heard of the deaths of their workers."""

    calls: list[PersistentCaller] = field(default_factory=list)
    struck: list[tuple[PersistentCaller, float]] = field(default_factory=list)
    """Who was talking to the worker that was killed, and when (monotonic, s)."""

    def of(self, call: PersistentCaller) -> int:
        """How many workers have died under a call."""
        return sum(1 for each, _ in self.struck if each is call)

    def silences_ms(self) -> list[float]:
        """How long each of them heard nothing."""
        found = [(call.number, call.handset.silence_after_ms(at)) for call, at in self.struck]
        assert all(silence is not None for _, silence in found), found
        return [silence for _, silence in found if silence is not None]


def worker_of(stack: Stack, number: str) -> str | None:
    """The worker that has the call of this caller now; None: none has."""
    has: str | None = None
    call_id = ""
    for event in stack.events():
        if event["event"] == "call_started" and event["caller"] == number:
            has, call_id = event["worker"], event["call_id"]
        elif event["event"] == "call_finished" and event["call_id"] == call_id:
            has = None
    return has


async def kill_under_callers(
    stack: Stack, target: str, sounds: Sounds, *, moments: int, at_once: int, seed: int
) -> Deaths:
    """Have `at_once` callers talk, and kill their workers until `moments` conversations, at
    whatever was said just then, were struck."""
    deaths = Deaths()
    chance = random.Random(seed)
    settings = Settings()
    enough = asyncio.Event()

    async def line(index: int) -> None:
        await asyncio.sleep(index * 2.0)
        while not enough.is_set():
            call = PersistentCaller(target, f"+9180{next(_numbers):08}", sounds, settings)
            deaths.calls.append(call)
            await call.call()

    lines = asyncio.gather(*(line(index) for index in range(at_once)))
    try:
        while len(deaths.struck) < moments and not lines.done():
            await asyncio.sleep(2 + chance.random() * 5)
            worker = chance.randrange(stack.workers)
            await asyncio.to_thread(stack.until_ready)
            live = [call for call in deaths.calls if not call.phone.ended.is_set()]
            with_it = [call for call in live if worker_of(stack, call.number) == f"worker-{worker}"]
            if any(deaths.of(call) == _MOST_DEATHS for call in with_it):
                continue
            at = time.monotonic()
            send(stack.worker_pid(f"worker-{worker}"), signal.SIGKILL)
            deaths.struck += [(call, at) for call in with_it if call.said_goodbye_at > at]
    finally:
        enough.set()
        await lines
    return deaths


async def assert_nobody_noticed_much(stack: Stack, deaths: Deaths) -> None:
    """Short silences, no question twice, and every call led to its end and recorded."""
    silences = sorted(deaths.silences_ms())
    p50, p95 = np.percentile(silences, (50, 95))
    print(
        f"{len(silences)} moments in {len(deaths.calls)} calls; silence p50 {p50:.0f}, "
        f"p95 {p95:.0f}, longest {silences[-1]:.0f} ms"
    )
    assert [call.said for call in deaths.calls if call.went_back] == []
    for call in deaths.calls:
        assert call.phone.end_reason.startswith("they hung up"), (call.heard, call.said)
        assert call.said[-1] == "no thank you", (call.heard, call.said)
    started = {event["caller"]: event["call_id"] for event in stack.events("call_started")}
    for call in deaths.calls:
        stored = await asyncio.to_thread(stack.call, UUID(started[call.number]))
        assert stored.cause == EndedBy.BOT.value, call.number
    assert p95 <= OUTAGE_MS


async def test_killed_at_five_moments(
    freeswitch_stack: tuple[Stack, FreeSwitch], sounds: Sounds
) -> None:
    stack, switch = freeswitch_stack
    target = switch.sip_target(ENGLISH)
    deaths = await kill_under_callers(stack, target, sounds, moments=5, at_once=3, seed=3)
    await assert_nobody_noticed_much(stack, deaths)


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_killed_at_fifty_moments(
    freeswitch_stack: tuple[Stack, FreeSwitch], sounds: Sounds
) -> None:
    stack, switch = freeswitch_stack
    target = switch.sip_target(ENGLISH)
    deaths = await kill_under_callers(stack, target, sounds, moments=50, at_once=6, seed=50)
    await assert_nobody_noticed_much(stack, deaths)


async def test_a_frozen_worker_is_replaced_within_two_seconds(
    freeswitch_stack: tuple[Stack, FreeSwitch], sounds: Sounds
) -> None:
    stack, switch = freeswitch_stack
    await asyncio.to_thread(stack.until_ready)
    number = f"+9181{next(_numbers):08}"
    call = PersistentCaller(switch.sip_target(ENGLISH), number, sounds, Settings())
    talking = asyncio.create_task(call.call())
    async with asyncio.timeout(20):
        while not call.said:
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.7)
    worker = worker_of(stack, number)
    assert worker is not None
    at = time.monotonic()
    send(stack.worker_pid(worker), signal.SIGSTOP)
    await talking
    silence = call.handset.silence_after_ms(at)
    print(f"silence {silence:.0f} ms")
    assert silence is not None
    assert silence <= REPLACED_MS
    assert not call.went_back
    assert call.said[-1] == "no thank you"
    stack.until_logged("ward_replaced", ward=worker, within_s=30)


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
    number = f"+9182{next(_numbers):08}"
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
        await asyncio.to_thread(
            stack.until_logged, "call_finished", call_id, worker=worker, within_s=5
        )
        # Where a socket closes, FreeSWITCH ends any park of the channel, also that of the next
        # worker: the dialplan hands the call over once more.
        again = await talk.hear("what is your account number")
        assert was_heard("lost you for a moment", again)
        await talk.say("four four seven one two three")
        await talk.hear("balance of your account")
        await talk.say("no thank you")
        await talk.hear("goodbye")
    finally:
        send(frozen, signal.SIGCONT)
        send(stack.process.pid, signal.SIGCONT)
        await talk.hang_up()
    assert (await asyncio.to_thread(stack.call, call_id)).cause == EndedBy.BOT.value
    awake = [event for event in stack.events("turn", call_id) if event not in asleep]
    assert {event["worker"] for event in awake} == {f"worker-{1 - int(worker[-1])}"}
    texts = [turn.text for turn in stack.turns(call_id)]
    said = [event["text"] for event in stack.events("turn", call_id)]
    assert texts == said
