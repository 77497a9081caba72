"""How loud a line is when nobody speaks: a floor that follows the noise, and its restlessness.

Two estimates, because each fails alone. The mean of what is not speech is exact, but stands
still while a new noise is taken for speech. The quietest frame of the last second and a half
follows any noise, since speech pauses and noise does not (R. Martin, "Noise power spectral
density estimation based on optimal smoothing and minimum statistics", IEEE Transactions on
Speech and Audio Processing 9:5, 2001).
"""

from __future__ import annotations

from collections import deque

QUIETEST_DBFS = -65.0
"""Lowest floor: below are the coding noise of G.711 and a switch's own silence."""

_FIRST_GUESS_DBFS = -50.0
_FIRST_FRAMES = 15
_LOUDEST_FIRST_DBFS = -40.0
"""A call's first 300 ms are taken for noise, whatever they are, up to this level: a caller who
speaks at once is louder."""

_UP, _DOWN = 0.08, 0.3
"""How fast the mean follows, per frame: down fast, or the end of a word would count as noise."""

_FIRST_SPREAD_DB = 2.0
_SPREAD_RATE = 0.03
_MOST_SPREAD_DB = 6.0

_STEP_FRAMES = 15
_STEPS = 5
_FIRST_STEPS = 2
_SETTLED_AFTER = 1000
"""Frames of digital silence after which the floor is where they bring it: 0.97 to this power of
the spread is left."""
_BIAS_DB = 3.0
"""How far the mean of a restless noise lies above its quietest frame, at least."""


class NoiseFloor:
    """The noise of one line. Fed once for each frame of 20 ms."""

    def __init__(self) -> None:
        self.dbfs = _FIRST_GUESS_DBFS
        """Mean level of what is not speech, in dBFS."""
        self.spread_db = _FIRST_SPREAD_DB
        """How far noise is from the floor, on average: 0.5 dB for hiss, 2 to 4 for people."""
        self._heard = 0
        self._quietest = 0.0
        self._steps: deque[float] = deque(maxlen=_STEPS)

    def hear(self, dbfs: float) -> None:
        """Take the level of any frame, speech or not."""
        self._heard += 1
        if self._heard <= _FIRST_FRAMES:
            first = min(dbfs, _LOUDEST_FIRST_DBFS)
            self.jump(self.dbfs + (first - self.dbfs) / self._heard)
        self._quietest = min(self._quietest, dbfs)
        if self._heard % _STEP_FRAMES:
            return
        self._steps.append(self._quietest)
        self._quietest = 0.0
        if len(self._steps) >= min(_STEPS, max(_FIRST_STEPS, self._heard // _STEP_FRAMES)):
            self.jump(max(self.dbfs, min(self._steps) + _BIAS_DB))

    def hear_silence(self, frames: int) -> None:
        """Take so many frames of digital silence: the same as `hear` and `learn` at QUIETEST_DBFS
        for each, for the one thing that most calls hear most of the time."""
        # What follows when the floor has settled changes nothing but the count.
        skipped = max(0, frames - _SETTLED_AFTER) // _STEP_FRAMES * _STEP_FRAMES
        for _ in range(frames - skipped):
            self._hear_silence()
        self._heard += skipped

    def _hear_silence(self) -> None:
        heard = self._heard + 1
        if heard <= _FIRST_FRAMES or not heard % _STEP_FRAMES:
            self.hear(QUIETEST_DBFS)
            self.learn(QUIETEST_DBFS)
            return
        self._heard = heard
        self._quietest = min(self._quietest, QUIETEST_DBFS)
        above = self.dbfs - QUIETEST_DBFS
        self.dbfs -= _DOWN * above
        self.spread_db += _SPREAD_RATE * (
            (above if above < _MOST_SPREAD_DB else _MOST_SPREAD_DB) - self.spread_db
        )

    def learn(self, dbfs: float) -> None:
        """Take the level of a frame that is not speech."""
        distance = dbfs - self.dbfs
        self.jump(self.dbfs + distance * (_UP if distance > 0 else _DOWN))
        self.spread_db += _SPREAD_RATE * (min(abs(distance), _MOST_SPREAD_DB) - self.spread_db)

    def jump(self, dbfs: float) -> None:
        """Take this for the floor from now on."""
        self.dbfs = max(QUIETEST_DBFS, dbfs)
