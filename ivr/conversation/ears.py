"""The worker's ears for one call: voice activity on every frame, and a recogniser that is open
only while somebody speaks."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from ivr.audio.format import AudioFormat
from ivr.audio.vad import VoiceDetector
from ivr.conversation.hypotheses import choose
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
_log = structlog.get_logger()


class Ears:
    """Hears one call. All methods run on the event loop; `now_ms` is monotonic.

    Where likely answers are known, two hypotheses run side by side: one narrowed to them, which
    gets digits and yes or no right, and an open one, for the caller who says something else.
    """

    def __init__(
        self, recogniser: Recogniser, format: AudioFormat, on_partial: Callable[[str], None]
    ) -> None:
        self._recogniser = recogniser
        self._format = format
        self._on_partial = on_partial
        self._vad = VoiceDetector(format)
        self._recent: deque[bytes] = deque(maxlen=_LONGEST_PRE_ROLL_MS // format.ptime_ms)
        self._pending: list[bytes] = []
        self._utterances: list[Utterance] = []
        self._phrases: Sequence[str] = ()

    def hear(self, frame: bytes) -> bool:
        """Take one frame; returns whether the caller speaks in it."""
        self._recent.append(frame)
        if self._utterances:
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
            if phrases is not None:
                self._phrases = phrases
                self._open(language, phrases, self._on_partial)
                self._open(language, None, None)
            else:
                self._open(language, None, self._on_partial)
        except RecognitionFailed as failure:
            _log.error("recognition_failed", reason=str(failure))
        frames = round((onset_ms_ago + PRE_ROLL_MS) / self._format.ptime_ms)
        self._pending = list(self._recent)[-frames:]
        self._hand_over()

    async def finish(self) -> Transcript:
        """Return the utterance's final words; an empty transcript when there are none."""
        self._hand_over()
        utterances, self._utterances = self._utterances, []
        finals = await asyncio.gather(*(_final(utterance) for utterance in utterances))
        if not finals:
            return Transcript(text="")
        if len(finals) == 1:
            return finals[0]
        return choose(finals[0], finals[1], self._phrases)

    def abandon(self) -> None:
        """Throw the utterance away, if there is one."""
        utterances, self._utterances = self._utterances, []
        self._pending = []
        for utterance in utterances:
            utterance.abandon()

    def _open(
        self,
        language: str,
        phrases: Sequence[str] | None,
        on_partial: Callable[[str], None] | None,
    ) -> None:
        self._utterances.append(
            self._recogniser.open(language, self._format, phrases=phrases, on_partial=on_partial)
        )

    def _hand_over(self) -> None:
        if self._utterances and self._pending:
            sound = b"".join(self._pending)
            for utterance in self._utterances:
                utterance.feed(sound)
        self._pending = []


async def _final(utterance: Utterance) -> Transcript:
    try:
        return await utterance.finish()
    except RecognitionFailed as failure:
        _log.error("recognition_failed", reason=str(failure))
        return Transcript(text="")
