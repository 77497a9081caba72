"""Recognizers that are used again.

The graph that Vosk searches is put together while it is searched (`HCLr.fst` with `Gr.fst` or a
grammar), and each recognizer keeps what it has put together. Most callers say much the same, so
one that has heard others decodes in three quarters of the time. Of what those said it keeps
nothing: after a final result Vosk makes its features and its decoder anew (vosk-api 0.3.45,
src/recognizer.cc, CleanUp); only its clock goes on.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

_MOST_SOUND_MS = 10 * 60_000.0
"""After so much its caches (about 100 MB) and its clock (a float) have been used enough."""
_MOST_KINDS = 32
"""Grammars whose recognizers are kept: the ones last used."""


@dataclass(slots=True)
class Recognizer:
    """One of Vosk's, and the sound that it was given before this utterance, in ms, by which the
    times in its results are late."""

    vosk: Any
    heard_ms: float = 0.0


class WarmRecognizers:
    """Lends recognizers by `kind`, the one last used first, and keeps `most` of each. For any
    thread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, list[Recognizer]] = OrderedDict()

    def take(self, kind: Hashable, make: Callable[[], Any]) -> Recognizer:
        """Lend one; `make` makes it where none is there."""
        with self._lock:
            kept = self._kept.get(kind)
            if kept:
                self._kept.move_to_end(kind)
                return kept.pop()
        return Recognizer(make())

    def give_back(self, kind: Hashable, recognizer: Recognizer, sound_ms: float) -> None:
        """Take it back after its final result; it was given `sound_ms` meanwhile. One that was left
        in the middle, or has failed, is not to be given back."""
        recognizer.heard_ms += sound_ms
        if recognizer.heard_ms > _MOST_SOUND_MS:
            return
        with self._lock:
            kept = self._kept.setdefault(kind, [])
            self._kept.move_to_end(kind)
            if len(kept) < self._most:
                kept.append(recognizer)
            over = self._kept.popitem(last=False) if len(self._kept) > _MOST_KINDS else None
        # Freed outside the lock: that takes time.
        del over

    def forget(self) -> None:
        """Let go of all."""
        with self._lock:
            self._kept.clear()
