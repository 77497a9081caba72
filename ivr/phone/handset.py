"""Mouth and ear of every phone that rings us: what leaves and what arrives, 20 ms at a time, on one
timeline. No sockets: a phone calls `tick` each 20 ms and `hear` for each frame that comes."""

from __future__ import annotations

import asyncio
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ivr.audio.format import TELEPHONE, Audio, AudioFormat
from ivr.audio.level import level_dbfs
from ivr.clock import Clock, SystemClock
from ivr.errors import IvrError

AUDIBLE_DBFS = -50.0
"""Level from which a frame is sound and not the noise of a line."""

PAUSE_MS = 200.0
"""Silence up to this long lies within speech: the closure of a stop, a comma."""

_CATCH_UP_FRAMES = 25
"""Frames that came late in one heap are put where they belong, this far back at most (0.5 s)."""

_HOLE_FRAMES = 1.5
"""Lateness that is never made up for counts as a hole from here on; below it is jitter."""

_NOISE_FRAMES = 50


class CallOver(IvrError):
    """What was waited for cannot happen any more: the call has ended."""


class Handset:
    """One phone's mouth and ear. Times are the clock's own, in ms.

    `comfort_noise_dbov`: level of the noise that stands for silence, in dB below overload
    (RFC 3389 section 3.1 counts it so), e.g. -60; None: digital silence.
    `keep_record`: whether the sound is kept for `record`; it takes 1.9 MB a minute.
    """

    def __init__(
        self,
        format: AudioFormat = TELEPHONE,
        clock: Clock | None = None,
        *,
        comfort_noise_dbov: float | None = None,
        keep_record: bool = True,
    ) -> None:
        self.format = format
        self.arrival_gaps_ms: list[float] = []
        """Time between each frame that arrived and the one before, for statistics."""
        self.caller_fell_silent_ms: float | None = None
        """When the caller's last audible sample, or last key, left."""
        self.bot_began_ms: float | None = None
        """When the bot's first sound after that arrived; None until then."""
        self._clock = clock or SystemClock()
        self._to_say: deque[tuple[bytes, bool]] = deque()
        self._between = _silence(format, comfort_noise_dbov)
        self._digital_silence = format.silence
        self._keep_record = keep_record
        self._sent = _Track()
        self._heard = _Track()
        self._last_arrival_ms: float | None = None
        self._last_sound_ms: float | None = None
        self._quiet_since_ms = self._now_ms()
        self._over = False
        self._changed: asyncio.Future[None] | None = None

    # The mouth.

    def speak(self, audio: Audio) -> None:
        """Queue sound; it leaves at real-time pace. Raises ValueError for another rate."""
        if audio.format.rate != self.format.rate:
            raise ValueError(
                f"sound at {audio.format.rate} Hz for a phone at {self.format.rate} Hz"
            )
        for frame in _frames(audio.pcm, self.format.frame_bytes):
            self._to_say.append((frame, _audible(frame)))

    def tick(self) -> bytes:
        """The frame that leaves now: speech, or what stands for silence."""
        now = self._now_ms()
        if self._to_say:
            frame, audible = self._to_say.popleft()
            if audible:
                self._caller_acted(now)
        else:
            frame = next(self._between)
        if self._keep_record:
            self._sent.add(frame, now)
        self._wake()
        return frame

    def key_pressed(self) -> None:
        """A key leaves now: gaps are measured from here as from the end of speech."""
        self._caller_acted(self._now_ms())

    @property
    def is_speaking(self) -> bool:
        """Whether sound is still to leave."""
        return bool(self._to_say) and not self._over

    # The ear.

    def hear(self, frame: bytes) -> None:
        """Take a frame that arrived; longer pieces count as so many frames at once."""
        now = self._now_ms()
        if self._last_arrival_ms is not None:
            self.arrival_gaps_ms.append(now - self._last_arrival_ms)
        self._last_arrival_ms = now
        if len(frame) == self.format.frame_bytes:
            self._hear_one(frame, now)
        else:
            for piece in _frames(frame, self.format.frame_bytes):
                self._hear_one(piece, now)
        self._wake()

    @property
    def bot_is_speaking(self) -> bool:
        """Whether the bot can be heard, pauses within speech included."""
        return (
            not self._over
            and self._last_sound_ms is not None
            and self._now_ms() - self._last_sound_ms < PAUSE_MS
        )

    @property
    def quiet_ms(self) -> float:
        """How long the bot has been silent, at most since the phone was made."""
        return self._now_ms() - self._quiet_since_ms

    @property
    def last_gap_ms(self) -> float | None:
        """From the end of what the caller last said or keyed to the start of the bot's answer;
        None while there is no answer."""
        if self.caller_fell_silent_ms is None or self.bot_began_ms is None:
            return None
        return self.bot_began_ms - self.caller_fell_silent_ms

    # What a caller waits for.

    async def spoken(self) -> None:
        """Wait until everything queued has left. Raises CallOver when it cannot leave any more."""
        await self._until(lambda: not self._to_say, None)

    async def heard_sound(self, timeout_s: float | None) -> None:
        """Wait until the bot speaks; at once when it does. Raises TimeoutError, CallOver."""
        await self._until(lambda: self.bot_is_speaking, timeout_s)

    async def heard_quiet(self, ms: float, timeout_s: float) -> None:
        """Wait until the bot has been silent for `ms`, or the call is over. Raises TimeoutError."""
        await self._until(lambda: self._over or self.quiet_ms >= ms, timeout_s)

    def end(self) -> None:
        """The call is over; whoever waits is told."""
        self._over = True
        self._wake()

    # The record.

    def record(self) -> tuple[Audio, Audio]:
        """What the caller and what the bot said, on one timeline, equally long.

        Each frame stands there once. Silence is where nothing left or arrived.
        """
        frame_ms = self.format.ptime_ms
        tracks = (self._sent, self._heard)
        start = min((track.times_ms[0] for track in tracks if track.frames), default=0.0)
        slots = [place(track.times_ms, start, frame_ms) for track in tracks]
        length = max((placed[-1] + 1 for placed in slots if placed), default=0)
        caller, bot = (
            Audio(track.laid_out(placed, length, self.format), self.format)
            for track, placed in zip(tracks, slots, strict=True)
        )
        return caller, bot

    # Inside.

    def _hear_one(self, frame: bytes, now: float) -> None:
        if self._keep_record:
            self._heard.add(frame, now)
        if frame == self._digital_silence or not _audible(frame):
            return
        after_pause = self._last_sound_ms is None or now - self._last_sound_ms >= PAUSE_MS
        if after_pause and self.caller_fell_silent_ms is not None and self.bot_began_ms is None:
            self.bot_began_ms = now
        self._last_sound_ms = now
        self._quiet_since_ms = now

    def _caller_acted(self, now: float) -> None:
        self.caller_fell_silent_ms = now
        self.bot_began_ms = None

    def _now_ms(self) -> float:
        return self._clock.monotonic() * 1000

    def _wake(self) -> None:
        changed, self._changed = self._changed, None
        if changed is not None and not changed.done():
            changed.set_result(None)

    async def _until(self, met: Callable[[], bool], timeout_s: float | None) -> None:
        async with asyncio.timeout(timeout_s):
            while not met():
                if self._over:
                    raise CallOver("The call is over.")
                if self._changed is None:
                    self._changed = asyncio.get_running_loop().create_future()
                await asyncio.shield(self._changed)


class _Track:
    """One side of the record: the frames, and when each one passed."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.times_ms = array("d")

    def add(self, frame: bytes, now_ms: float) -> None:
        self.frames.append(frame)
        self.times_ms.append(now_ms)

    def laid_out(self, slots: list[int], length: int, format: AudioFormat) -> bytes:
        """The frames in their slots of `length`, silence in the others."""
        laid = [format.silence] * length
        for slot, frame in zip(slots, self.frames, strict=True):
            laid[slot] = frame
        return b"".join(laid)


def place(times_ms: Sequence[float], start_ms: float, frame_ms: float) -> list[int]:
    """Give each frame that passed at `times_ms` its own slot of `frame_ms`, in order.

    A frame belongs in the slot in which it passed, but earlier where those behind it need the
    room: frames that a busy machine or network held up and delivered in one heap fill the hole
    that they left. Where too few came, slots stay empty.
    """
    own = (np.asarray(times_ms) - start_ms) / frame_ms - np.arange(len(times_ms))
    lateness = np.minimum.accumulate(own[::-1])[::-1]
    lateness = np.maximum.accumulate(np.maximum(lateness, own - _CATCH_UP_FRAMES))
    slots = []
    offset, anchor = 0, 0.0
    for index, late in enumerate(lateness.tolist()):
        if index == 0 or late - anchor >= _HOLE_FRAMES:
            step = max(0, round(late - anchor))
            offset, anchor = offset + step, anchor + step if index else late
        slots.append(index + offset)
    return slots


def _frames(pcm: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(pcm), size):
        yield pcm[start : start + size].ljust(size, b"\0")


def _audible(frame: bytes) -> bool:
    return level_dbfs(frame) >= AUDIBLE_DBFS


def _silence(format: AudioFormat, noise_dbov: float | None) -> Iterator[bytes]:
    frames = [format.silence]
    if noise_dbov is not None:
        level = 32768 * 10 ** (noise_dbov / 20)
        draw = np.random.default_rng(0).normal(0, level, (_NOISE_FRAMES, format.frame_samples))
        frames = [row.tobytes() for row in draw.clip(-32768, 32767).astype("<i2")]
    while True:
        yield from frames
