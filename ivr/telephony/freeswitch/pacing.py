"""How fast sound goes to FreeSWITCH, and what comes back while the caller is silent: pure.

FreeSWITCH plays what we send at its own pace out of a buffer that nobody can empty: each frame
that we are ahead delays everything after it, and barge-in, until the end of the call.
"""

from __future__ import annotations

from ivr.audio.format import AudioFormat

BURST_FRAMES = 2
"""Frames that may leave together after a delay: one that is due, one that was late."""

_FASTER = 1.01
"""The bucket fills this much faster than the line runs, so that two clocks that differ a little
never make it run dry."""

_NO_SOUND = 0xFF


class DownlinkPacer:
    """Says for each frame that came whether one may leave for it.

    One leaves for each that comes, except when many come at once: then the switch, or this
    program, was held up, nothing was played meanwhile, and sending as many frames as came would
    put the whole delay into the switch's buffer. The sound itself waits in the worker.
    """

    def __init__(self, format: AudioFormat, now: float) -> None:
        self._per_second = _FASTER * 1000 / format.ptime_ms
        self._tokens = float(BURST_FRAMES)
        self._last = now

    def may_send(self, now: float) -> bool:
        """Whether a frame leaves at `now` (monotonic seconds); it counts as sent."""
        tokens = self._tokens
        if now > self._last:
            tokens += (now - self._last) * self._per_second
            tokens = min(tokens, BURST_FRAMES)
        self._last = now
        may = tokens >= 1
        self._tokens = tokens - may
        return may


def heard(datagram: bytes) -> bytes:
    """Return the caller's sound: FreeSWITCH fills in 0xFF where the caller sends nothing."""
    if datagram and datagram[0] == _NO_SOUND and datagram.count(_NO_SOUND) == len(datagram):
        return bytes(len(datagram))
    return datagram
