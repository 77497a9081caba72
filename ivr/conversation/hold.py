"""Music for a caller who waits, played by us: one sound, over and over, without a gap."""

from __future__ import annotations

from ivr.audio.format import Audio
from ivr.telephony.call import Call

_FIRST_MARK = -1
"""Ours count down from here; everybody else's count up from 0."""
_AHEAD = 2
"""Copies that are queued, so that one is always there when the other ends."""


class HoldMusic:
    """Plays on one call from `start` to `stop`; `played` has to be told of the call's marks."""

    def __init__(self, call: Call, music: Audio) -> None:
        self._call = call
        self._music = music
        self._playing = False
        self._next_mark = _FIRST_MARK

    @property
    def playing(self) -> bool:
        """Whether the caller waits."""
        return self._playing

    def start(self) -> None:
        """Begin; twice is harmless."""
        if not self._playing:
            self._playing = True
            for _ in range(_AHEAD):
                self._queue()

    def played(self, mark: int) -> bool:
        """Take the line's word that a sound has left; whether it was one of ours."""
        if mark > _FIRST_MARK:
            return False
        if self._playing:
            self._queue()
        return True

    def stop(self) -> None:
        """Fall silent at once."""
        if self._playing:
            self._playing = False
            self._call.clear()

    def _queue(self) -> None:
        self._call.play(self._music, mark=self._next_mark)
        self._next_mark -= 1
