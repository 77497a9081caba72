"""A phone on a line in memory: as `LoopbackCall`'s far side, in real time."""

from __future__ import annotations

import asyncio
from collections import deque

from ivr.phone.handset import Handset
from ivr.telephony.call import CallHandler, CallInfo
from ivr.telephony.loopback import LoopbackCall
from ivr.telephony.media_clock import FrameClock

_BETWEEN_KEYS_FRAMES = 10
"""From one key to the next of the same hand (200 ms)."""


class LoopbackPhone:
    """A `Phone` that rings `answer`."""

    def __init__(
        self,
        clock: FrameClock,
        answer: CallHandler,
        *,
        info: CallInfo,
        destinations: tuple[str, ...],
    ) -> None:
        self._handset = Handset()
        self._ended = asyncio.Event()
        self._clock = clock
        self._answer = answer
        self._keys: deque[str] = deque()
        self._beats = 0
        self._pressed = asyncio.Event()
        self.call = LoopbackCall(
            clock, info=info, destinations=destinations, hear=self._handset.hear
        )

    @property
    def handset(self) -> Handset:
        """See `Phone`."""
        return self._handset

    @property
    def ended(self) -> asyncio.Event:
        """See `Phone`."""
        return self._ended

    async def ring(self) -> None:
        """See `Phone`."""
        self._clock.subscribe(self._tick)
        self.call.ring(self._answer)

    async def press(self, keys: str) -> None:
        """See `Phone`."""
        self._keys.extend(keys)
        self._pressed.clear()
        if not self._ended.is_set():
            await self._pressed.wait()

    async def hang_up(self) -> None:
        """See `Phone`."""
        self.call.caller_hangs_up()
        self._over()

    def _tick(self) -> None:
        if self.call.ending is not None:
            self._over()
            return
        self._beats = max(0, self._beats - 1)
        if self._keys and not self._beats:
            self._beats = _BETWEEN_KEYS_FRAMES
            self._handset.key_pressed()
            self.call.caller_digit(self._keys.popleft())
        self.call.caller_frame(self._handset.tick())
        if not self._keys:
            self._pressed.set()

    def _over(self) -> None:
        self._clock.unsubscribe(self._tick)
        self._keys.clear()
        self._pressed.set()
        self._handset.end()
        self._ended.set()
