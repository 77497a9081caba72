"""The levels on a real switch: a telephone rings it, and the workers of a running `ivrctl serve`
say what happens in its calls.

Each call has a number of its own, by which its events are found among those of other calls.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from ivr.dialogue.flow import Flow
from ivr.errors import IvrError
from ivr.phone.sip import SipPhone
from ivr.scenarios.call_events import CallEvents, Event
from ivr.scenarios.caller_sounds import CallerSounds
from ivr.scenarios.outcome import Outcome
from ivr.scenarios.scenario_file import Loaded
from ivr.scenarios.sound_level import Seen, SoundCall
from ivr.settings import Settings
from ivr.speech.recognition.models import models_for
from ivr.speech.recognition.vosk import VoskRecogniser
from ivr.storage.events import watch
from ivr.storage.reader import RecordReader
from ivr.supervision.notes import read_notes

DEFAULT_TARGET = "sip:100@127.0.0.1:5060"

MENU_KEYS: Mapping[str, str] = {"en": "1", "hi": "2"}
"""What the dialplans that we ship ask for, before a worker has the call."""

_RING_S = 20.0
_WORKER_S = 15.0
_LATEST = 100
"""Calls among which a call of ours is looked for."""


class Switch:
    """Plays scenarios; see `switch`."""

    def __init__(
        self,
        target: str,
        sounds: CallerSounds,
        ear: VoskRecogniser,
        board: _Switchboard,
        records: RecordReader | None,
        *,
        flow: Path,
    ) -> None:
        self._target = target
        self._flow = flow.resolve()
        self._sounds = sounds
        self._ear = ear
        self._board = board
        self._records = records

    async def play(self, loaded: Loaded, flow: Flow, outcome: Outcome) -> None:
        """Play one scenario. Raises IvrError where nobody answers, or no worker is seen to."""
        if loaded.flow is not None and loaded.flow.resolve() != self._flow:
            outcome.skipped = True
            outcome.why = f"the workers behind the switch speak {self._flow.name}"
            return
        menu_key = MENU_KEYS.get(loaded.language)
        if menu_key is None:
            outcome.skipped = True
            outcome.why = f"the dialplan's menu has no {loaded.language!r}"
            return
        sounds = await self._sounds.of(loaded)
        number = loaded.scenario.caller or f"99{secrets.randbelow(10**10):010d}"
        events = self._board.expect(number)
        phone = SipPhone(self._target, number=number)
        seen = Seen(recorded=self._recorded_of(number) if self._records else None)
        try:
            await phone.ring(_RING_S)
            await phone.press(menu_key)
            await self._begun(events, seen)
            await SoundCall(phone, events, sounds, ear=self._ear, seen=seen).play(outcome)
        finally:
            await phone.hang_up()

    def _recorded_of(self, number: str) -> Callable[[], Awaitable[list[Event]]]:
        records = self._records
        assert records is not None

        async def recorded() -> list[Event]:
            return await asyncio.to_thread(recorded_events, records, number)

        return recorded

    async def _begun(self, events: CallEvents, seen: Seen) -> None:
        try:
            await events.begun(_WORKER_S)
        except TimeoutError:
            if seen.recorded is not None and (recorded := await seen.recorded()):
                events.make_good(recorded)
                return
            raise IvrError(
                "The switch answered, and no worker said that it has the call.",
                remedy="Run `ivrctl serve` on this machine, with the AMI's secret for Asterisk.",
            ) from None


class _Switchboard:
    """Finds each call's events among all."""

    def __init__(self) -> None:
        self._expected: dict[str, list[CallEvents]] = {}
        self._calls: dict[str, CallEvents] = {}

    def expect(self, number: str) -> CallEvents:
        """The events of the next call from this number."""
        events = CallEvents()
        self._expected.setdefault(number, []).append(events)
        return events

    def note(self, event: Mapping[str, Any]) -> None:
        """Take an event of any call."""
        call = str(event.get("call_id", ""))
        if event.get("event") == "call_started":
            expected = self._expected.get(str(event.get("caller", "")))
            if expected:
                self._calls.setdefault(call, expected.pop(0))
        if call in self._calls:
            self._calls[call].note(event)


def recorded_events(records: RecordReader, number: str) -> list[Event]:
    """The records of the latest call from `number`, as the events that they were. Raises
    IvrError."""
    calls = [call for call in records.calls(_LATEST) if call.caller == number]
    if not calls:
        return []
    call = calls[0]
    events: list[Event] = [{"event": "call_started", "caller": number}]
    events += [
        {"event": "turn", **turn.model_dump(mode="json")} for turn in records.turns_of(call.id)
    ]
    if call.finished_at is not None:
        events.append({"event": "call_finished", "cause": call.cause, "detail": call.detail})
    return events


@asynccontextmanager
async def switch(settings: Settings, target: str | None) -> AsyncIterator[Switch]:
    """Everything that calls to one switch share. Raises IvrError where something is missing."""
    notes = read_notes(settings.var_dir)
    url = notes.redis_url if notes is not None else None
    if url is None and settings.redis_url is not None:
        url = settings.redis_url.get_secret_value()
    if url is None:
        raise IvrError(
            "Nothing tells what the workers do: no `ivrctl serve` runs here.",
            remedy="Start it, or set IVR_REDIS_URL to the Redis of the one that runs.",
        )
    if notes is not None and settings.synthesis_url is None:
        settings = settings.model_copy(update={"synthesis_url": notes.synthesis_url})
    board = _Switchboard()

    async def follow() -> None:
        async for event in watch(url):
            board.note(event)

    async with AsyncExitStack() as stack:
        sounds = await stack.enter_async_context(CallerSounds(settings))
        ear = VoskRecogniser(models_for(settings, settings.recognition_models), threads=1)
        stack.callback(ear.close)
        await asyncio.to_thread(ear.load)
        following = asyncio.create_task(follow())
        stack.callback(following.cancel)
        database = notes.database_url if notes is not None else None
        records = RecordReader(database) if database is not None else None
        yield Switch(target or DEFAULT_TARGET, sounds, ear, board, records, flow=settings.flow)
