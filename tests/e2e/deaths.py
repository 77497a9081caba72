"""Workers killed and frozen under callers who talk to them, and what the callers hear of it."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from uuid import UUID

from ivr.settings import Settings
from ivr.telephony.call import EndedBy
from tests.e2e.persistent_caller import PersistentCaller
from tests.e2e.stack import Stack, send, until
from tests.e2e.talk import Sounds

_MOST_DEATHS = 2
"""Under one call: after some more it would be led to an agent, as it should."""

_SETTLED_S = 60.0
"""In which the end of a call is written down that nobody was left to write down."""

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


@dataclass(frozen=True)
class Freeze:
    """What came of stopping a worker, in ms from that moment."""

    silence_ms: float
    """Until its caller heard the bot again."""
    noticed_ms: float
    """Until the watchdog had noticed."""
    replaced_ms: float
    """Until a new worker stood in its place, ready for calls."""


async def freeze_under_caller(stack: Stack, target: str, sounds: Sounds) -> Freeze:
    """Stop the worker of a caller who talks to it; returns what came of it once their call has
    been led to its end."""
    await asyncio.to_thread(stack.until_ready)
    call = PersistentCaller(target, next_number(), sounds, Settings())
    talking = asyncio.create_task(call.call())
    async with asyncio.timeout(30):
        while not call.said:
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.7)
    worker = worker_of(stack, call.number)
    assert worker is not None
    at, on_the_clock = time.monotonic(), datetime.now(UTC)
    send(stack.worker_pid(worker), signal.SIGSTOP)
    await talking
    assert_led_to_its_end(call)

    def after_ms(event: str) -> float | None:
        for entry in stack.events(event):
            told = datetime.fromisoformat(entry["at"])
            if entry["ward"] == worker and told > on_the_clock:
                return (told - on_the_clock) / timedelta(milliseconds=1)
        return None

    noticed, replaced = [
        await asyncio.to_thread(until, partial(after_ms, event), 30, f"{event} of {worker}")
        for event in ("ward_lost", "ward_replaced")
    ]
    silence = call.handset.silence_after_ms(at)
    assert silence is not None
    return Freeze(silence, noticed, replaced)


def assert_led_to_its_end(call: PersistentCaller) -> None:
    """Nothing was asked twice, and the bot said good-bye."""
    assert not call.went_back, (call.number, call.heard, call.said)
    assert call.phone.end_reason.startswith("they hung up"), (call.heard, call.said)
    assert call.said[-1] == "no thank you", (call.heard, call.said)


async def assert_all_led_to_their_ends(stack: Stack, deaths: Deaths) -> int:
    """Every call was led to its end and has it in the records; every turn that a worker told of is
    there, none twice, and none was refused. Returns how many answers died with their workers
    before they were heard: one a death at most."""
    unheard = 0
    for call in deaths.calls:
        assert_led_to_its_end(call)
    started = {event["caller"]: event["call_id"] for event in stack.events("call_started")}
    for call in deaths.calls:
        call_id = UUID(started[call.number])
        stored = await asyncio.to_thread(stack.call, call_id, within_s=_SETTLED_S)
        ends = {EndedBy.BOT.value}
        if call in deaths.saying_goodbye:
            # Nobody may have been left to hear who hung up.
            ends |= {EndedBy.CALLER.value, "lost"}
        assert stored.cause in ends, (call.number, stored)
        told = [(turn["turn"], turn["text"]) for turn in stack.events("turn", call_id)]
        kept = [(turn.number, turn.text) for turn in await asyncio.to_thread(stack.turns, call_id)]
        numbers = [number for number, _ in kept]
        assert numbers == sorted(set(numbers)), (call.number, kept)
        assert set(told) <= set(kept), (call.number, set(told) - set(kept))
        missing = numbers[-1] - len(numbers)
        assert missing <= deaths.of(call) + (call in deaths.saying_goodbye), (call.number, kept)
        unheard += missing
    assert not list(stack.folder.glob("journal/refused-*")), "records were refused"
    return unheard
