"""What the worker says of one call, as it says it: turns, states, interruptions, the end.

Events are told and not promised: a busy Redis loses some. Records are promised, and come a little
later; what is missing is made good from them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ivr.clock import Clock, SystemClock

Event = Mapping[str, Any]
_RECORDED = frozenset({"turn", "call_finished"})


class CallEvents:
    """The events of one call, in order."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.events: list[Event] = []
        self._clock = clock or SystemClock()
        self._changed = asyncio.Event()
        self._known: set[object] = set()
        self._bot_spoke_at: float | None = None

    def note(self, event: Event) -> None:
        """Take an event; returns at once. A turn, and the end, count once: they may come late, when
        the records have told of them."""
        kind = event["event"]
        once = {"turn": event.get("number"), "call_finished": kind}.get(kind)
        if once is not None and once in self._known:
            return
        self._known.add(once)
        if _is_turn(event, "bot"):
            self._bot_spoke_at = self._clock.monotonic()
        self.events.append(event)
        self._changed.set()

    @property
    def since_bot_turn_s(self) -> float:
        """How long the bot's latest turn has been known of."""
        at = self._bot_spoke_at
        return self._clock.monotonic() - at if at is not None else 0.0

    async def answered(self, since: int, *, begun: bool, timeout_s: float) -> None:
        """Wait until the bot, since event number `since`, has spoken and listens again, or the
        call is over; with `begun`, until it speaks. Raises TimeoutError.
        """
        async with asyncio.timeout(timeout_s):
            while not is_answered(self.events[since:], begun=begun):
                self._changed.clear()
                await self._changed.wait()

    @property
    def incomplete(self) -> bool:
        """Whether a turn is missing: they are numbered from 1."""
        numbers = {event["number"] for event in self.events if event["event"] == "turn"}
        return bool(numbers) and max(numbers) != len(numbers)

    def make_good(self, recorded: Iterable[Event]) -> None:
        """Take what is missing from the call's records, at the end."""
        for event in recorded:
            if event["event"] in _RECORDED:
                self.note(event)

    async def begun(self, timeout_s: float) -> None:
        """Wait for the first event. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not self.events:
                self._changed.clear()
                await self._changed.wait()


def is_answered(events: Sequence[Event], *, begun: bool = False) -> bool:
    """Whether the bot has spoken and listens again, or the call is over; with `begun`, whether it
    has spoken."""
    spoken = False
    answered = False
    for event in events:
        if event["event"] == "call_finished":
            return True
        if _is_turn(event, "bot"):
            spoken, answered = True, begun
        elif _is_turn(event, "caller"):
            answered = False
        elif event["event"] == "state":
            answered = answered or (spoken and event["state"] == "listening")
    return answered


def turns(events: Sequence[Event], who: str) -> list[Event]:
    """The turns of "caller" or "bot", in their order."""
    found = [event for event in events if _is_turn(event, who)]
    return sorted(found, key=lambda event: int(event["number"]))


def last_action(events: Sequence[Event]) -> str:
    """What the bot does now, as `Expect.action` writes it; empty while it is not known."""
    for event in reversed(events):
        if event["event"] == "call_finished":
            detail = str(event.get("detail", ""))
            if detail.startswith("transfer to "):
                return f"transfer {detail.removeprefix('transfer to ')}"
            return "hang_up" if event.get("cause") == "bot" else ""
        if event["event"] == "state" and event["state"] == "listening":
            return "listen"
    return ""


def _is_turn(event: Event, who: str) -> bool:
    return event["event"] == "turn" and event.get("who") == who
