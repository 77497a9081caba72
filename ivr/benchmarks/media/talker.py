"""A caller of whom there are hundreds: says one sentence after the other, each when the bot has
fallen silent, and notes when frames came and how long answers took. Frames are whatever the line
carries, made beforehand; nothing here makes or measures sound."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

QUIET_FRAMES = 20
"""Frames without the bot's voice after which a caller speaks."""
PATIENCE_FRAMES = 500
"""Frames without the bot's voice after which a caller gives the call up."""


@dataclass
class Figures:
    """What came back, all calls together, once `measuring`."""

    measuring: bool = False
    gaps_s: array[float] = field(default_factory=lambda: array("d"))
    answers_s: array[float] = field(default_factory=lambda: array("d"))
    answers_to: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    """The same by which sentence was answered, in s."""
    frames: int = 0
    frames_sent: int = 0
    spoken_frames: int = 0
    completed: int = 0
    given_up: int = 0
    refused: int = 0

    def summary(self, calls: int, seconds: float) -> dict[str, Any]:
        """Return them as percentiles, in ms."""
        return {
            "frames_per_call_s": round(self.frames / seconds / calls, 2),
            "speech_share": round(self.spoken_frames / max(self.frames_sent, 1), 3),
            **percentiles("gap", self.gaps_s, (50, 99, 99.9, 100)),
            **percentiles("answer", self.answers_s, (50, 95)),
            "answers_to": {
                str(which): percentiles("answer", self.answers_to[which], (50, 95))
                for which in sorted(self.answers_to)
            },
            "calls_completed": self.completed,
            "calls_given_up": self.given_up,
            "calls_refused": self.refused,
        }


class Talker:
    """One call. `sentences` and `between` are frames as they are sent; without sentences it is
    silent. `interrupts`: the first is said so many frames after the bot began, whether it has
    finished or not."""

    def __init__(
        self,
        figures: Figures,
        sentences: Sequence[Sequence[bytes]],
        between: Sequence[bytes],
        interrupts: int | None = None,
    ) -> None:
        self._figures = figures
        self._sentences = sentences
        self._between = between
        self._interrupts = interrupts
        self._at = 0
        self._last = 0.0
        self._next = 0
        self._saying: Sequence[bytes] = ()
        self._said = 0
        self._quiet = 0
        self._bot_frames = 0
        self._silent_since = 0.0

    @property
    def was_answered(self) -> bool:
        """Whether a frame has come."""
        return self._last > 0

    @property
    def has_said_all(self) -> bool:
        """Whether nothing is left to be said."""
        return self._next >= len(self._sentences) and self._said >= len(self._saying)

    @property
    def has_lost_patience(self) -> bool:
        """Whether the bot has been silent for too long."""
        return bool(self._sentences) and self._quiet > PATIENCE_FRAMES

    def heard(self, frames: int, *, silent: bool, now: float) -> None:
        """Take frames that came together at `now` (monotonic seconds)."""
        figures = self._figures
        if figures.measuring and self._last:
            figures.frames += frames
            figures.gaps_s.append(now - self._last)
        self._last = now
        if silent:
            self._quiet += 1
            return
        self._quiet = 0
        self._bot_frames += 1
        if self._silent_since:
            if figures.measuring:
                figures.answers_s.append(now - self._silent_since)
                figures.answers_to[self._next - 1].append(now - self._silent_since)
            self._silent_since = 0.0

    def frame(self, now: float) -> bytes:
        """The frame that leaves now."""
        figures = self._figures
        if figures.measuring:
            figures.frames_sent += 1
        if self._said < len(self._saying):
            frame = self._saying[self._said]
            self._said += 1
            if figures.measuring:
                figures.spoken_frames += 1
            if self._said == len(self._saying):
                self._silent_since = now
                self._bot_frames = 0
                self._quiet = 0
            return frame
        if self._next < len(self._sentences) and self._may_speak():
            self._saying = self._sentences[self._next]
            self._said = 0
            self._next += 1
        self._at = (self._at + 1) % len(self._between)
        return self._between[self._at]

    def _may_speak(self) -> bool:
        if self._next == 0 and self._interrupts is not None:
            return self._bot_frames >= self._interrupts
        return self._bot_frames > 0 and self._quiet >= QUIET_FRAMES


def percentiles(name: str, seconds: Sequence[float], wanted: Sequence[float]) -> dict[str, float]:
    """Return them in ms, by names such as `gap_p999_ms`."""
    if not len(seconds):
        return {}
    found = (np.percentile(np.asarray(seconds), wanted) * 1000).round(1).tolist()
    names = [f"{name}_{'max' if q == 100 else f'p{q:g}'.replace('.', '')}_ms" for q in wanted]
    return dict(zip(names, found, strict=True))
