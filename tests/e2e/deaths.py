"""Workers killed and frozen under callers who talk to them, and what the callers hear of it."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from uuid import UUID

from ivr.settings import Settings
from ivr.telephony.call import EndedBy
from tests.e2e.persistent_caller import PersistentCaller
from tests.e2e.records import refused
from tests.e2e.stack import Stack, send
from tests.e2e.talk import Sounds

_MOST_DEATHS = 2
"""Under one call: after some more it would be led to an agent, as it should."""

_numbers = count(1)


def next_number() -> str:
    """A caller's number that nobody else has."""
    return f"+9180{next(_numbers):08}"


@dataclass
class Deaths:
    """What callers heard of the deaths of their workers."""

    calls: list[PersistentCaller] = field(default_factory=list)
    struck: list[tuple[PersistentCaller, float]] = field(default_factory=list)
    """Who was talking to the worker that was killed, and when (monotonic, s)."""
    saying_goodbye: list[PersistentCaller] = field(default_factory=list)
    """Whose worker was killed when all had been said."""

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
    stack: Stack,
    target: str,
    sounds: Sounds,
    *,
    moments: int,
    at_once: int,
    seed: int,
    on_struck: Callable[[int], None] = lambda _: None,
) -> Deaths:
    """Have `at_once` callers talk, and kill their workers until `moments` conversations, at
    whatever was said just then, were struck. `on_struck` is told how many have been."""
    deaths = Deaths()
    chance = random.Random(seed)
    settings = Settings()
    enough = asyncio.Event()

    async def line(index: int) -> None:
        await asyncio.sleep(index * 2.0)
        while not enough.is_set():
            call = PersistentCaller(target, next_number(), sounds, settings)
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
            deaths.saying_goodbye += [call for call in with_it if call.said_goodbye_at <= at]
            on_struck(len(deaths.struck))
    finally:
        enough.set()
        await lines
    return deaths


async def freeze_under_caller(stack: Stack, target: str, sounds: Sounds) -> float:
    """Stop the worker of a caller who talks to it; returns how long they heard nothing, in ms,
    once their call has been led to its end."""
    await asyncio.to_thread(stack.until_ready)
    call = PersistentCaller(target, next_number(), sounds, Settings())
    talking = asyncio.create_task(call.call())
    async with asyncio.timeout(30):
        while not call.said:
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.7)
    worker = worker_of(stack, call.number)
    assert worker is not None
    at = time.monotonic()
    send(stack.worker_pid(worker), signal.SIGSTOP)
    await talking
    assert_led_to_its_end(call)
    await asyncio.to_thread(stack.until_logged, "ward_replaced", ward=worker, within_s=30)
    silence = call.handset.silence_after_ms(at)
    assert silence is not None
    return silence


def assert_led_to_its_end(call: PersistentCaller) -> None:
    """Nothing was asked twice, and the bot said good-bye."""
    assert not call.went_back, (call.number, call.heard, call.said)
    assert call.phone.end_reason.startswith("they hung up"), (call.heard, call.said)
    assert call.said[-1] == "no thank you", (call.heard, call.said)


async def assert_all_led_to_their_ends(stack: Stack, deaths: Deaths) -> int:
    """Every call was led to its end, and is recorded with it, no turn twice and none refused.
    Returns how many turns died with their workers before they were on disk. Left out are calls
    whose worker was killed during the good-bye: the record of the end may have gone with it."""
    missing = 0
    for call in deaths.calls:
        assert_led_to_its_end(call)
    started = {event["caller"]: event["call_id"] for event in stack.events("call_started")}
    for call in deaths.calls:
        if call in deaths.saying_goodbye:
            continue
        call_id = UUID(started[call.number])
        stored = await asyncio.to_thread(stack.call, call_id)
        assert stored.cause == EndedBy.BOT.value, call.number
        assert refused(stack, call_id) == []
        numbers = [turn.number for turn in await asyncio.to_thread(stack.turns, call_id)]
        assert numbers == sorted(set(numbers)), numbers
        assert stored.turns is not None
        missing += stored.turns - len(numbers)
    return missing
