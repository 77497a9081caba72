"""A caller for whom there is no place yet: told their turn and about how long it takes, with music
between, until there is one, or until they would rather be called back."""

from __future__ import annotations

import asyncio
import math

import structlog

from ivr.admission.places import Entry, Places
from ivr.conversation.hold import HoldMusic
from ivr.conversation.services import Services
from ivr.conversation.speaker import Speaker
from ivr.dialogue.actions import Say
from ivr.telephony.call import Call, CallEnding

ASK_EVERY_S = 1.0
"""How often we see whether it is the caller's turn."""
_SAY_EVERY_S = 20.0
_CALLBACK_KEY = "1"

_log = structlog.get_logger()


class QueueingCaller:
    """Has one call until it may be answered. A `CallListener`."""

    def __init__(
        self, call: Call, services: Services, places: Places, ask_every_s: float = ASK_EVERY_S
    ) -> None:
        self._call = call
        self._services = services
        self._places = places
        self._ask_every_s = ask_every_s
        chosen = call.info.language
        spoken = services.flow.languages
        self._language = chosen if chosen in spoken else spoken[0]
        self._hold = HoldMusic(call, services.music)
        self._speaker = Speaker(
            call,
            services.synthesiser,
            services.voice,
            services.recordings,
            on_sound=lambda _: None,
            on_silent=lambda: None,
            on_failure=services.metrics.synthesis_failed,
        )
        self._over = asyncio.Event()
        self._wants_callback = False
        self._changed = asyncio.Event()
        call.attach(self)

    # The listener.

    def audio_received(self, frame: bytes) -> None:
        """See `CallListener`: whoever waits is not listened to."""

    def digit_received(self, digit: str) -> None:
        """See `CallListener`."""
        if digit == _CALLBACK_KEY:
            self._wants_callback = True
            self._changed.set()

    def played(self, mark: int) -> None:
        """See `CallListener`."""
        if not self._hold.played(mark):
            self._speaker.played(mark)

    def ended(self, ending: CallEnding) -> None:
        """See `CallListener`."""
        self._over.set()
        self._changed.set()
        self._speaker.close()

    # What happens.

    async def may_be_answered(self) -> bool:
        """Wait for the call's turn. False where it is over before that: the caller has gone, or
        was sent away."""
        entry = await self._places.enter(self._call.id)
        if entry.admitted or self._over.is_set():
            return entry.admitted and not self._over.is_set()
        if entry.full:
            _log.info("queue_full", call_id=str(self._call.id))
            self._services.metrics.turned_away("busy")
            await self._say_goodbye("queue_full")
            return False
        self._services.metrics.began_to_wait()
        try:
            return await self._wait(entry)
        finally:
            self._services.metrics.waits_no_more()
            self._hold.stop()
            self._speaker.interrupt()

    async def _wait(self, entry: Entry) -> bool:
        loop = asyncio.get_running_loop()
        say_at, told = loop.time(), 0
        while not entry.admitted:
            if entry.full:
                # Its turn was lost, because Redis was away for long.
                await self._say_goodbye("queue_full")
                return False
            if loop.time() >= say_at and entry.position != told:
                _log.info("waits", call_id=str(self._call.id), position=entry.position)
                await self._announce(entry)
                say_at, told = loop.time() + _SAY_EVERY_S, entry.position
            await self._something_or(self._ask_every_s)
            if self._over.is_set():
                return False
            if self._wants_callback and await self._call_back():
                return False
            entry = await self._places.enter(self._call.id)
        return not self._over.is_set()

    async def _announce(self, entry: Entry) -> None:
        self._hold.stop()
        minutes = max(1, math.ceil(entry.wait_s / 60))
        values = {"position": str(entry.position), "minutes": str(minutes)}
        self._say("queue_position", values)
        heard = asyncio.ensure_future(self._speaker.finished())
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait({heard, changed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            heard.cancel()
            changed.cancel()
        if not self._over.is_set():
            self._hold.start()

    async def _call_back(self) -> bool:
        """Whether the wish is noted, and the caller has gone."""
        self._wants_callback = False
        number = self._call.info.caller
        self._hold.stop()
        self._speaker.interrupt()
        if number and await self._places.keep_callback(self._call.id, number, self._language):
            self._services.metrics.turned_away("callback")
            await self._say_goodbye("callback_booked")
            return True
        self._say("callback_not_there", {})
        await self._speaker.finished()
        if not self._over.is_set():
            self._hold.start()
        return False

    async def _say_goodbye(self, name: str) -> None:
        self._say(name, {})
        await self._speaker.finished()
        await self._call.hang_up()

    def _say(self, name: str, values: dict[str, str]) -> None:
        text = self._services.flow.texts[name, self._language].fill(values)
        self._speaker.say([Say(text=text, language=self._language)])

    async def _something_or(self, seconds: float) -> None:
        self._changed.clear()
        if self._over.is_set() or self._wants_callback:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return
