"""What leaves on the line, and when: a queue of sounds cut into frames, and the schedule.

Both are pure: whoever owns the connection asks how many frames are due and sends that many.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from ivr.audio.format import SAMPLE_BYTES, Audio, AudioFormat

CATCH_UP_MS = 60
"""Longest delay that is made up for: what a phone's jitter buffer usually holds. Within it,
late frames sent together are heard as if nothing had happened."""

_EARLY_S = 0.001
"""uvloop counts timers in whole ms, so that they may fire this much too early."""


class Frame(NamedTuple):
    """One frame that leaves now.

    `pcm` is `frame_bytes` long; `marks` are those of the sounds whose last sample is in it;
    `carries_sound` is False where it is nothing but silence of the queue's own.
    """

    pcm: bytes
    marks: tuple[int, ...] = ()
    carries_sound: bool = False


class PlayoutQueue:
    """Sounds waiting to be heard, in order.

    Rules it keeps:
    - `next_frame` gives exactly one frame, whatever is queued.
    - Every byte pushed leaves once and in order, unless it is cleared.
    - A sound that ends within a frame is continued in that frame by the next one, with nothing
      between them; where none is queued, by silence.
    - A mark leaves with the last sample of its sound; that of an empty sound with the last
      sample before it.
    """

    def __init__(self, format: AudioFormat) -> None:
        self._format = format
        self._size = format.frame_bytes
        self._silent = Frame(format.silence)
        self._sounds: deque[tuple[bytes, int]] = deque()
        self._position = 0
        self._pending = 0
        self._paused = False
        self.is_silent = True
        """Whether `next_frame` would give silence of the queue's own."""

    @property
    def pending_ms(self) -> float:
        """How much sound is queued, in ms."""
        return self._ms(self._pending)

    @property
    def paused(self) -> bool:
        """Whether the queue is held."""
        return self._paused

    def push(self, audio: Audio, mark: int) -> None:
        """Queue `audio` behind what is queued. Raises ValueError where its rate is another."""
        if audio.format.rate != self._format.rate:
            raise ValueError(
                f"sound at {audio.format.rate} Hz for a line at {self._format.rate} Hz"
            )
        self._sounds.append((audio.pcm, mark))
        self._pending += len(audio.pcm)
        self.is_silent = self._paused

    def next_frame(self) -> Frame:
        """Take one frame: what is queued, or silence."""
        if self.is_silent:
            return self._silent
        size = self._size
        pcm = self._sounds[0][0]
        start = self._position
        end = start + size
        if end < len(pcm):
            self._position = end
            self._pending -= size
            return Frame(pcm[start:end], (), True)
        return self._joined()

    def clear(self) -> float:
        """Drop what is queued, at once; returns how much sound that was, in ms.

        The marks of what is dropped never leave. A pause ends too: what is queued next is
        meant to be heard.
        """
        dropped = self._pending
        self._sounds.clear()
        self._position = self._pending = 0
        self._paused = False
        self.is_silent = True
        return self._ms(dropped)

    def pause(self) -> None:
        """Hold what is queued: silence leaves until `resume` or `clear`."""
        self._paused = self.is_silent = True

    def resume(self) -> None:
        """Go on where `pause` stopped."""
        self._paused = False
        self.is_silent = not self._sounds

    def _joined(self) -> Frame:
        """Make a frame in which at least one sound ends."""
        wanted = self._size
        pieces: list[bytes] = []
        marks: list[int] = []
        while self._sounds:
            pcm, mark = self._sounds[0]
            piece = pcm[self._position : self._position + wanted]
            pieces.append(piece)
            wanted -= len(piece)
            self._position += len(piece)
            if self._position < len(pcm):
                break
            self._sounds.popleft()
            self._position = 0
            marks.append(mark)
        self.is_silent = not self._sounds
        taken = self._size - wanted
        self._pending -= taken
        if wanted:
            pieces.append(bytes(wanted))
        return Frame(b"".join(pieces), tuple(marks), taken > 0)

    def _ms(self, size: int) -> float:
        return size / SAMPLE_BYTES * 1000 / self._format.rate


class FrameSchedule:
    """When frames leave: one each `ptime_ms`, counted from `start` and never from the last one,
    so that late timers do not add up.

    Frames that are late by no more than `catch_up_ms` are made up for. After a longer delay the
    schedule begins anew from that moment: Asterisk passes a burst on as it comes, and the phone
    would play it as a stutter.
    """

    def __init__(self, format: AudioFormat, start: float, *, catch_up_ms: int = CATCH_UP_MS):
        self._period = format.ptime_ms / 1000
        self._most = 1 + catch_up_ms // format.ptime_ms
        self._base = start
        self._count = 0
        self._given_up = 0

    @property
    def next_at(self) -> float:
        """When the next frame is due, in seconds on the clock of `start`."""
        return self._base + self._count * self._period

    @property
    def given_up(self) -> int:
        """Frames that never left because the delay was too long, in all."""
        return self._given_up

    def due(self, now: float) -> int:
        """How many frames are to leave at `now` (monotonic seconds); they count as sent."""
        late = now - self.next_at + _EARLY_S
        if late < 0:
            return 0
        frames = 1 + int(late / self._period)
        if frames <= self._most:
            self._count += frames
            return frames
        self._given_up += frames - 1
        self._base = now
        self._count = 1
        return 1
