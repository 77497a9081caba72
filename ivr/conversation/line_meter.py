"""How a caller's line sounds, measured while they speak. Pure, times in ms.

- Level, clipping and loss are those of the last seconds of speech; noise is that of the pauses.
- A frame is lost where a voice is cut off and goes on: what was quiet before or after is a pause,
  whether the phone sends silence in it or nothing at all.
- Frames that come late and then together are late, not lost.
"""

from __future__ import annotations

from collections import deque

from ivr.audio.format import TELEPHONE, AudioFormat
from ivr.audio.level import FULL_SCALE, clipped_samples, power_dbfs
from ivr.dialogue.inputs import LineQuality

_WINDOW_MS = 6000
_LEAST_MS = 800
"""Of speech, before anything is said of a line."""
_CEILING = 32124
"""The loudest that mu-law can say (ITU-T G.711, table 2a); A-law's loudest is 132 above."""
_LOUD_DB = 12.0
"""What is no softer than this below the speech so far is in the middle of it."""
_LONGEST_GAP_MS = 240.0
_MOST_STRETCHES = 100


class LineMeter:
    """Measures one caller's line. Fed with every frame in which the caller speaks, and with the
    others while it `hears_speech`."""

    def __init__(self, format: AudioFormat) -> None:
        self._format = format
        self._blanks = (format.silence, b"\xff" * format.frame_bytes)
        lone = _CEILING**2 / (format.frame_samples * format.rate / TELEPHONE.rate)
        self._least_clipped_dbfs = power_dbfs(lone) - 0.1
        """Level of one sample at the ceiling and nothing else: it is measured at 8,000 Hz, and
        without the direct current, which is less than 0.1 dB of it."""
        frames = _WINDOW_MS // format.ptime_ms
        # Numbers side by side: an object for each frame is one more for the garbage collector.
        self._powers: deque[float] = deque(maxlen=frames)
        self._clipped: deque[int] = deque(maxlen=frames)
        self._power = 0.0
        self._noise_dbfs: float | None = None
        self._loud_dbfs = 0.0
        self._stretches: deque[_Stretch] = deque(maxlen=_MOST_STRETCHES)
        self._stretch: _Stretch | None = None

    @property
    def hears_speech(self) -> bool:
        """Whether the caller has just spoken, so that what comes next counts too."""
        return self._stretch is not None

    def feed(
        self, frame: bytes, *, speech: bool, level_dbfs: float, noise_dbfs: float, now_ms: float
    ) -> None:
        """Take one frame that came at `now_ms`: whether the caller speaks in it, its level, and
        the noise of the line as far as it is known."""
        self._noise_dbfs = noise_dbfs
        blank = frame in self._blanks
        if speech and not blank:
            power = 10 ** (level_dbfs / 10) * FULL_SCALE**2
            if len(self._powers) == self._powers.maxlen:
                self._power -= self._powers[0]
            self._power += power
            may_clip = level_dbfs > self._least_clipped_dbfs
            clipped = clipped_samples(frame, _CEILING) if may_clip else 0
            self._powers.append(power)
            self._clipped.append(clipped)
            self._loud_dbfs = self._level_dbfs() - _LOUD_DB
        self._count(blank=blank, loud=not blank and level_dbfs >= self._loud_dbfs, now_ms=now_ms)

    def quality(self) -> LineQuality:
        """How the line sounds; nothing, until enough was heard of it."""
        frames = len(self._powers)
        if frames * self._format.ptime_ms < _LEAST_MS:
            return LineQuality()
        samples = frames * self._format.frame_samples
        return LineQuality(
            level_dbfs=self._level_dbfs(),
            noise_dbfs=self._noise_dbfs,
            clipped=sum(self._clipped) / samples,
            lost=self._lost(),
        )

    def _level_dbfs(self) -> float:
        return power_dbfs(self._power / len(self._powers))

    def _count(self, *, blank: bool, loud: bool, now_ms: float) -> None:
        """Follow a stretch of loud frames: what is missing in it was lost."""
        stretch = self._stretch
        if stretch is not None and now_ms - stretch.last_ms > _LONGEST_GAP_MS:
            self._stretch = stretch = None
        if not loud:
            if stretch is not None:
                stretch.since_loud += 1
                stretch.blank += blank
            return
        if stretch is not None and stretch.since_loud > stretch.blank:
            # It had become quiet in between: a pause, not a loss.
            self._stretch = stretch = None
        if stretch is None:
            self._stretch = stretch = _Stretch(now_ms)
            self._stretches.append(stretch)
        stretch.loud_again(now_ms)

    def _lost(self) -> float | None:
        """The share of frames that did not come, over the latest stretches."""
        ptime_ms = self._format.ptime_ms
        due = came = 0.0
        for stretch in reversed(self._stretches):
            due += (stretch.last_ms - stretch.first_ms) / ptime_ms + 1
            came += stretch.came
            if due * ptime_ms >= _WINDOW_MS:
                break
        # One stretch alone may seem to lack what came late, another to have too much.
        return max(due - came, 0.0) / due if due * ptime_ms >= _LEAST_MS else None


class _Stretch:
    """Frames from a loud one to the latest loud one, with nothing quiet between them."""

    __slots__ = ("blank", "came", "first_ms", "last_ms", "since_loud")

    def __init__(self, now_ms: float) -> None:
        self.first_ms = self.last_ms = now_ms
        self.came = 0
        self.since_loud = 0
        self.blank = 0

    def loud_again(self, now_ms: float) -> None:
        """A loud frame came."""
        self.last_ms = now_ms
        self.came += 1
        self.since_loud = self.blank = 0
