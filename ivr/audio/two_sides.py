"""Both sides of a call, brought side by side: frames that come in each side's own time make one
stereo sound. Pure.

Rules it keeps:
- Every frame of each side is there once and in order.
- A side waits for the other, `MOST_APART` frames at most: jitter tears no word apart. Then the
  other is taken to be silent, until it is heard again; what it says then stands where it was said.
- What comes while it is hidden is silence, on both sides, and as long as it was.
"""

from __future__ import annotations

from collections import deque

from ivr.audio.format import AudioFormat

MOST_APART = 10
"""Frames that one side may be ahead (200 ms)."""


class TwoSides:
    """The two sides of one call, in `format`."""

    def __init__(self, format: AudioFormat) -> None:
        self._silence = format.silence
        self._left, self._right = _Side(), _Side()
        self.hidden = False
        """Whether silence stands for what comes now."""

    def left(self, frame: bytes) -> None:
        """One frame of the left side."""
        self._take(frame, self._left, self._right)

    def right(self, frame: bytes) -> None:
        """One frame of the right side."""
        self._take(frame, self._right, self._left)

    def take(self) -> tuple[bytes, bytes]:
        """What is complete by now and was not taken yet: left and right, equally long."""
        return self._pop(min(len(self._left.frames), len(self._right.frames)))

    def rest(self) -> tuple[bytes, bytes]:
        """Everything that was not taken yet; the shorter side ends in silence."""
        longest = max(len(self._left.frames), len(self._right.frames))
        for side in (self._left, self._right):
            self._fill(side, longest)
        return self._pop(longest)

    def _take(self, frame: bytes, mine: _Side, other: _Side) -> None:
        if mine.absent:
            mine.absent = False
            self._fill(mine, len(other.frames) - 1)
        mine.frames.append(self._silence if self.hidden else frame)
        if len(mine.frames) - len(other.frames) > MOST_APART:
            other.absent = True
            other.frames.append(self._silence)

    def _fill(self, side: _Side, length: int) -> None:
        side.frames.extend([self._silence] * (length - len(side.frames)))

    def _pop(self, count: int) -> tuple[bytes, bytes]:
        return self._left.pop(count), self._right.pop(count)


class _Side:
    __slots__ = ("absent", "frames")

    def __init__(self) -> None:
        self.frames: deque[bytes] = deque()
        self.absent = False

    def pop(self, count: int) -> bytes:
        return b"".join(self.frames.popleft() for _ in range(count))
