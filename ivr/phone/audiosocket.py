"""A phone that rings a worker over AudioSocket, as Asterisk does for a caller."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import cast
from uuid import UUID, uuid4

from ivr.audio.format import TELEPHONE
from ivr.errors import IvrError
from ivr.phone.handset import Handset
from ivr.telephony.audiosocket.protocol import (
    DIGITS,
    AudioReceived,
    Connection,
    RemoteProtocolError,
    Role,
    State,
)
from ivr.telephony.call import CallEnding, EndedBy
from ivr.telephony.media_clock import FrameClock, MediaClock

KEY_GAP_FRAMES = 6
"""Frames that Asterisk leaves out while a key is down (about 120 ms)."""

BETWEEN_KEYS_FRAMES = 5
"""Silence between two keys of one hand (100 ms)."""

_ANSWER_WITHIN_S = 5.0


class AudioSocketPhone:
    """Rings `host`:`port`. Sound leaves at real-time pace and is heard through `handset`.

    `call_id`: the call's id, for a call that another worker had before; None: a new one.
    """

    def __init__(
        self,
        host: str,
        port: int,
        call_id: UUID | None = None,
        *,
        handset: Handset | None = None,
        clock: FrameClock | None = None,
    ) -> None:
        self.call_id = call_id or uuid4()
        self.handset = handset or Handset()
        self.ended = asyncio.Event()
        """Set when the call is over; `ending` then says who ended it."""
        self.ending: CallEnding | None = None
        self._host = host
        self._port = port
        self._clock = clock or MediaClock()
        self._wire: _Wire | None = None
        self._answered = asyncio.Event()
        self._keys: deque[tuple[str, asyncio.Future[None]]] = deque()
        self._beats_of_key = 0

    async def ring(self) -> None:
        """Dial, and wait for the worker's first frame. Raises IvrError when none comes."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                _, self._wire = await loop.create_connection(
                    lambda: _Wire(self), self._host, self._port
                )
                self._wire.send_id(self.call_id)
                self._clock.subscribe(self._tick)
                await self._answered.wait()
        except (OSError, TimeoutError) as error:
            self.finish(CallEnding(by=EndedBy.LINE, detail="not answered"))
            reason = "it does not answer" if isinstance(error, TimeoutError) else str(error)
            raise self._nobody(reason) from None
        except asyncio.CancelledError:
            await self.hang_up()
            raise
        if self.ending is not None:
            raise self._nobody(self.ending.detail)

    async def press(self, keys: str) -> None:
        """Press keys, one after the other. Raises IvrError for what is no key."""
        wrong = [key for key in keys if key not in DIGITS]
        if wrong:
            raise IvrError(f"{wrong[0]!r} is no key of a phone.", remedy=f"Use {DIGITS}.")
        loop = asyncio.get_running_loop()
        pressed = [loop.create_future() for _ in keys]
        self._keys.extend(zip(keys, pressed, strict=True))
        if self.ending is not None:
            self._release_keys()
        for each in pressed:
            await each

    async def hang_up(self) -> None:
        """Put the receiver down. Twice is harmless."""
        self.finish(CallEnding(by=EndedBy.CALLER, detail="the caller hung up"))

    # From the wire.

    def frame_arrived(self, pcm: bytes) -> None:
        """The worker's sound."""
        self._answered.set()
        self.handset.hear(pcm)

    def finish(self, ending: CallEnding) -> None:
        """The call is over."""
        if self.ending is not None:
            return
        self.ending = ending
        self._clock.unsubscribe(self._tick)
        if self._wire is not None:
            self._wire.close()
        self._release_keys()
        self.handset.end()
        self._answered.set()
        self.ended.set()

    # Inside.

    def _tick(self) -> None:
        wire = self._wire
        if wire is None:
            return
        if not self._keys:
            wire.send_audio(self.handset.tick())
            return
        key, pressed = self._keys[0]
        self._beats_of_key += 1
        if self._beats_of_key < KEY_GAP_FRAMES:
            return
        if self._beats_of_key == KEY_GAP_FRAMES:
            wire.send_digit(key)
            self.handset.key_pressed()
            return
        wire.send_audio(self.handset.tick())
        if self._beats_of_key == KEY_GAP_FRAMES + BETWEEN_KEYS_FRAMES:
            self._beats_of_key = 0
            self._keys.popleft()
            if not pressed.done():
                pressed.set_result(None)

    def _release_keys(self) -> None:
        while self._keys:
            _, pressed = self._keys.popleft()
            if not pressed.done():
                pressed.set_result(None)

    def _nobody(self, reason: str) -> IvrError:
        return IvrError(
            f"Nobody answers at {self._host}:{self._port}: {reason}.",
            remedy="Start a worker with `ivrctl serve`, or name another host and port.",
        )


class _Wire(asyncio.Protocol):
    """The switch's end of the connection."""

    def __init__(self, phone: AudioSocketPhone) -> None:
        self._phone = phone
        self._codec = Connection(Role.SWITCH)
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._codec.receive_data(data)
        self._take_events()

    def eof_received(self) -> None:
        self._codec.receive_end()
        self._take_events()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        detail = f"the connection broke: {exc}" if exc else "the connection broke"
        self._phone.finish(CallEnding(by=EndedBy.LINE, detail=detail))

    def send_id(self, call_id: UUID) -> None:
        self._write(self._codec.send_id(call_id))

    def send_audio(self, pcm: bytes) -> None:
        self._write(self._codec.send_audio(pcm, TELEPHONE.rate))

    def send_digit(self, digit: str) -> None:
        self._write(self._codec.send_digit(digit))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _write(self, frame: bytes) -> None:
        if self._transport is not None and self._codec.their_state is State.TALKING:
            self._transport.write(frame)

    def _hear(self, sound: AudioReceived) -> None:
        if sound.rate == TELEPHONE.rate:
            self._phone.frame_arrived(sound.pcm)
        else:
            detail = f"sound at {sound.rate} Hz on a line of {TELEPHONE.rate} Hz"
            self._phone.finish(CallEnding(by=EndedBy.LINE, detail=detail))

    def _take_events(self) -> None:
        try:
            for event in self._codec.events():
                if isinstance(event, AudioReceived):
                    self._hear(event)
                else:
                    self._phone.finish(CallEnding(by=EndedBy.BOT, detail="the bot hung up"))
        except RemoteProtocolError as error:
            self._phone.finish(CallEnding(by=EndedBy.LINE, detail=f"not AudioSocket: {error}"))
