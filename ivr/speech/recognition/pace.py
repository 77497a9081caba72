"""How much sound is worth a trip to the decoding thread. Pure.

A model that decodes two hundred times faster than people speak has nothing to gain from hearing
them live: fewer trips to the thread are fewer fights for the interpreter, one recognizer serves the
next utterance sooner, and what turns out to be no speech is never decoded. A slow one has to keep
up.
"""

from __future__ import annotations

_WORK_MS = 10.0
"""What a portion should take: so much later come the words, at most, of who has just spoken."""

_LEAST_MS, _MOST_MS = 200.0, 2000.0
_TELLING_MS = 100.0
"""What is shorter says nothing of what sound costs."""
_WEIGHT = 0.1


class Pace:
    """Of one model. Threads may share it: what one of them notes while another does may be lost."""

    def __init__(self) -> None:
        self._cost: float | None = None

    @property
    def portion_ms(self) -> float:
        """Sound, in ms, that is decoded at once, and may wait until there is so much; little until
        something is known."""
        if self._cost is None:
            return _LEAST_MS
        return min(max(_WORK_MS / max(self._cost, 1e-6), _LEAST_MS), _MOST_MS)

    def work_ms(self, sound_ms: float) -> float:
        """What it takes of a processor, about, to decode so much sound."""
        cost = _WORK_MS / _LEAST_MS if self._cost is None else self._cost
        return cost * sound_ms

    def note(self, sound_ms: float, took_ms: float) -> None:
        """An utterance of `sound_ms` took `took_ms` of a processor."""
        if sound_ms < _TELLING_MS:
            return
        cost = took_ms / sound_ms
        known = cost if self._cost is None else self._cost
        self._cost = known + _WEIGHT * (cost - known)
