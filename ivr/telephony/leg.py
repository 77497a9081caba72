"""What the calls of all switches have in common, without their sockets: sound queued and taken out
frame by frame, a listener told in order, a caller handed on or kept, an end that is told once.

A switch's own call is a `Leg` and adds how the frames travel, and how to hang up, transfer, drop.
"""

from __future__ import annotations

import abc
import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from operator import methodcaller
from typing import Self
from uuid import UUID

import structlog

from ivr.audio.format import TELEPHONE, Audio, AudioFormat
from ivr.audio.level import NO_SOUND_DBFS, level_dbfs
from ivr.audio.playout import Frame, PlayoutQueue
from ivr.telephony.call import (
    CallEnding,
    CallHandler,
    CallInfo,
    CallListener,
    EndedBy,
    TransferFailed,
)
from ivr.telephony.consultation import Consultation

EARLY_EVENTS = 100
"""Frames and digits kept until somebody listens (2 s); the oldest give way."""

LATELY_MS = 300
"""How long the echo of what left may take to come back."""

_log = structlog.get_logger()


class Leg(abc.ABC):
    """One call, as far as no switch is needed for it."""

    def __init__(
        self, call_id: UUID, info: CallInfo | None = None, format: AudioFormat = TELEPHONE
    ) -> None:
        self._id = call_id
        self._info = info or CallInfo()
        self._format = format
        self._frame_bytes = format.frame_bytes
        self._queue = PlayoutQueue(format)
        self._listener: CallListener | None = None
        self._overhears: Callable[[bytes], None] | None = None
        self._played: deque[bytes] = deque(maxlen=LATELY_MS // format.ptime_ms)
        self._played_levels: deque[float] = deque(maxlen=self._played.maxlen)
        """What left lately: not measured yet, and before that."""
        self._sounded_lately = 0
        """For so many frames more there is sound of ours in `_played`."""
        self._early: deque[Callable[[CallListener], None]] = deque(maxlen=EARLY_EVENTS)
        self._rest = b""
        self._ending: CallEnding | None = None
        self._leaving = False
        """Whether we have asked the switch to end the call, or to take it."""
        self.was_handed_over = False
        """Whether anybody was asked to take the call."""

    @property
    def id(self) -> UUID:
        """See `Call`."""
        return self._id

    @property
    def info(self) -> CallInfo:
        """See `Call`."""
        return self._info

    @property
    def format(self) -> AudioFormat:
        """See `Call`."""
        return self._format

    @property
    def ending(self) -> CallEnding | None:
        """How the call ended; None while it lives."""
        return self._ending

    @property
    def has_listener(self) -> bool:
        """Whether somebody listens."""
        return self._listener is not None

    def attach(self, listener: CallListener) -> None:
        """See `Call`."""
        if self._ending is not None:
            return
        self._listener = listener
        while self._early and self._ending is None:
            self._tell(self._early.popleft())

    def overhear(self, hears: Callable[[bytes], None]) -> None:
        """See `Call`."""
        self._overhears = hears

    def play(self, audio: Audio, *, mark: int) -> None:
        """See `Call`."""
        if self._ending is None:
            self._queue.push(audio, mark)

    def clear(self) -> float:
        """See `Call`."""
        return self._queue.clear()

    @abc.abstractmethod
    async def hang_up(self) -> None:
        """See `Call`."""

    @abc.abstractmethod
    async def transfer(self, destination: str) -> None:
        """See `Call`."""

    @abc.abstractmethod
    async def consult(
        self, destination: str, *, ring_s: float, on_agent: CallHandler
    ) -> Consultation:
        """See `Call`."""

    def drop(self) -> None:
        """See `Call`."""
        self.give_up(CallEnding(by=EndedBy.BOT, detail="let go"))

    def pause(self) -> None:
        """See `Call`."""
        self._queue.pause()

    def resume(self) -> None:
        """See `Call`."""
        self._queue.resume()

    @property
    def pending_ms(self) -> float:
        """See `Call`."""
        return self._queue.pending_ms

    @property
    def played_dbfs(self) -> float:
        """See `Call`."""
        played, levels = self._played, self._played_levels
        while played:
            levels.append(level_dbfs(played.popleft()))
        return max(levels, default=NO_SOUND_DBFS)

    # For the switch's side.

    def hand_over(self, on_call: Callable[[Self], None]) -> None:
        """Give the call to whoever takes it; one that nobody listens to is given up."""
        self.was_handed_over = True
        try:
            on_call(self)
        except Exception as error:  # noqa: BLE001 - one call's fault ends that call only
            _log.exception("call_not_taken", call_id=str(self._id))
            self.give_up(CallEnding(by=EndedBy.BOT, detail=f"not taken: {error!r}"))
            return
        if self._ending is None and self._listener is None:
            _log.error("call_not_taken", call_id=str(self._id))
            self.give_up(CallEnding(by=EndedBy.BOT, detail="nobody listens"))

    def require_caller(self) -> None:
        """Raise TransferFailed where there is nobody to hand on."""
        if self._ending is not None or self._leaving:
            raise TransferFailed("The call is over.")

    @asynccontextmanager
    async def handing_on(self, within_s: float) -> AsyncIterator[None]:
        """Tell the switch, in this context, where the caller goes. Raises TransferFailed when it
        takes longer, or the call is over before or after."""
        self.require_caller()
        self._leaving = True
        try:
            async with asyncio.timeout(within_s):
                yield
        except TimeoutError:
            raise TransferFailed("The switch did not take the call in time.") from None
        finally:
            self._leaving = False
        if self._ending is not None:
            raise TransferFailed("The caller has gone.")

    def frame_arrived(self, frame: bytes) -> None:
        """The caller's sound, in one whole frame, as nearly always."""
        listener = self._listener
        if listener is None or self._rest:
            self.sound_arrived(frame)
            return
        # A call that has ended has no listener.
        try:
            listener.audio_received(frame)
        except Exception as error:  # noqa: BLE001 - see `_failed`
            self._failed(error)

    def sound_arrived(self, pcm: bytes) -> None:
        """The caller's sound, in pieces of any length, cut into frames for the listener."""
        size = self._frame_bytes
        whole = self._rest + pcm
        end = len(whole) - len(whole) % size
        self._rest = whole[end:]
        for start in range(0, end, size):
            self._take(whole[start : start + size])

    def digit_arrived(self, digit: str) -> None:
        """A key of the caller's."""
        if self._ending is not None:
            return
        if self._listener is None:
            self._early.append(methodcaller("digit_received", digit))
        else:
            self._tell(methodcaller("digit_received", digit))

    def next_frame(self) -> Frame:
        """The frame that leaves now; tell `left` once it has."""
        frame = self._queue.next_frame()
        if self._overhears is not None:
            self._overhears(frame.pcm)
        if frame.carries_sound:
            self._sounded_lately = LATELY_MS // self._format.ptime_ms
        elif not self._sounded_lately:
            return frame
        else:
            self._sounded_lately -= 1
        self._played.append(frame.pcm)
        return frame

    def left(self, marks: tuple[int, ...]) -> None:
        """The last frames of these sounds have left."""
        for mark in marks:
            self._tell(methodcaller("played", mark))

    def finish(self, ending: CallEnding) -> bool:
        """The call is over. Returns False when it was already, and nothing is told twice."""
        if self._ending is not None:
            return False
        self._ending = ending
        self._queue.clear()
        self._early.clear()
        self._overhears = None
        self._rest = b""
        listener, self._listener = self._listener, None
        if listener is not None:
            try:
                listener.ended(ending)
            except Exception:  # noqa: BLE001 - one listener's fault ends its own call only
                _log.exception("listener_failed", call_id=str(self._id))
        return True

    def give_up(self, ending: CallEnding) -> None:
        """Something of ours failed: let the call go, so that another worker takes it."""
        self.finish(ending)

    def _take(self, frame: bytes) -> None:
        if self._ending is not None:
            return
        if self._listener is None:
            self._early.append(methodcaller("audio_received", frame))
            return
        self._tell(methodcaller("audio_received", frame))

    def _tell(self, what: Callable[[CallListener], None]) -> None:
        listener = self._listener
        if listener is None:
            return
        try:
            what(listener)
        except Exception as error:  # noqa: BLE001 - see `_failed`
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        """A listener's fault ends its own call, never the process."""
        _log.exception("listener_failed", call_id=str(self._id))
        self.give_up(CallEnding(by=EndedBy.BOT, detail=f"our listener failed: {error!r}"))
