"""The worker's ears for one call: voice activity on every frame, and a recogniser that is open
only while somebody speaks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from ivr.audio.format import AudioFormat
from ivr.audio.vad import VoiceDetector
from ivr.speech.recognition.recogniser import (
    Recogniser,
    RecognitionFailed,
    Transcript,
    Utterance,
)

PRE_ROLL_MS = 300
"""Sound before the onset that the recogniser gets too: consonants begin softly."""

_LONGEST_PRE_ROLL_MS = 600
_FEED_FRAMES = 5
"""Frames handed over at once: a trip to the decoding thread costs more than it decodes."""


class Ears:
    """Hears one call. All methods run on the event loop; `now_ms` is monotonic."""

    def __init__(
        self, recogniser: Recogniser, format: AudioFormat, on_partial: Callable[[str], None]
    ) -> None:
        self._recogniser = recogniser
        self._format = format
        self._on_partial = on_partial
        self._vad = VoiceDetector(format)
        self._recent: deque[bytes] = deque(maxlen=_LONGEST_PRE_ROLL_MS // format.ptime_ms)
        self._pending: list[bytes] = []
        self._utterance: Utterance | None = None

    def hear(self, frame: bytes) -> bool:
        """Take one frame; returns whether the caller speaks in it."""
        self._recent.append(frame)
        if self._utterance is not None:
            self._pending.append(frame)
            if len(self._pending) >= _FEED_FRAMES:
                self._hand_over()
        return self._vad.feed(frame)

    def open(self, language: str, phrases: Sequence[str] | None, onset_ms_ago: float) -> None:
        """Begin an utterance whose speech began `onset_ms_ago`.

        A recogniser that fails is not the caller's fault: the utterance stays empty.
        """
        self.abandon()
        try:
            self._utterance = self._recogniser.open(
                language, self._format, phrases=phrases, on_partial=self._on_partial
            )
        except RecognitionFailed:
            return
        frames = round((onset_ms_ago + PRE_ROLL_MS) / self._format.ptime_ms)
        self._pending = list(self._recent)[-frames:]
        self._hand_over()

    async def finish(self) -> Transcript:
        """Return the utterance's final words; an empty transcript when there are none."""
        utterance, self._utterance = self._utterance, None
        if utterance is None:
            return Transcript(text="")
        utterance.feed(b"".join(self._pending))
        self._pending = []
        try:
            return await utterance.finish()
        except RecognitionFailed:
            return Transcript(text="")

    def abandon(self) -> None:
        """Throw the utterance away, if there is one."""
        utterance, self._utterance = self._utterance, None
        self._pending = []
        if utterance is not None:
            utterance.abandon()

    def _hand_over(self) -> None:
        if self._utterance is not None and self._pending:
            self._utterance.feed(b"".join(self._pending))
            self._pending = []
