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
from ivr.dialogue.lexicon import global_intent
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
        self._phrases: Sequence[str] | None = None
        self._language = ""
        self._sound: list[bytes] = []
        self._peeked: Transcript | None = None

    def hear(self, frame: bytes) -> bool:
        """Take one frame; returns whether the caller speaks in it."""
        self._recent.append(frame)
        speech = self._vad.feed(frame)
        if self._utterances:
            self._pending.append(frame)
            if speech:
                self._peeked = None
            if len(self._pending) >= _FEED_FRAMES:
                self._hand_over()
        return speech

    def open(self, language: str, phrases: Sequence[str] | None, onset_ms_ago: float) -> None:
        """Begin an utterance whose speech began `onset_ms_ago`.

        A recogniser that fails is not the caller's fault: the utterance stays empty.
        """
        self.abandon()
        self._language = language
        self._phrases = phrases
        self._utterances = self._listen(self._partial)
        frames = round((onset_ms_ago + PRE_ROLL_MS) / self._format.ptime_ms)
        self._pending = list(self._recent)[-frames:]
        self._hand_over()

    async def peek(self) -> Transcript | None:
        """Return the words so far as if the utterance ended here; None when the caller speaks on
        meanwhile.

        The running hypothesis lags by up to half a second (the network wants its right context,
        and works in chunks); decoding the utterance anew takes 6 ms a second of sound.
        """
        self._hand_over()
        if not self._utterances:
            return None
        whole = b"".join(self._sound)
        asked = self._utterances
        again = self._listen(None)
        for utterance in again:
            utterance.feed(whole)
        self._peeked = unsaid = Transcript(text="")
        words = await self._believed(again)
        if self._utterances is not asked or self._peeked is not unsaid:
            return None
        self._peeked = words
        return words

    async def finish(self) -> Transcript:
        """Return the utterance's final words; an empty transcript when there are none."""
        self._hand_over()
        utterances, self._utterances = self._utterances, []
        peeked, self._peeked = self._peeked, None
        if peeked is not None and peeked.text:
            for utterance in utterances:
                utterance.abandon()
            return peeked
        return await self._believed(utterances)

    def abandon(self) -> None:
        """Throw the utterance away, if there is one."""
        utterances, self._utterances = self._utterances, []
        self._pending = []
        self._sound = []
        self._peeked = None
        for utterance in utterances:
            utterance.abandon()

    def _partial(self, text: str) -> None:
        # The running hypothesis lags behind what a look has found.
        if self._peeked is None or not self._peeked.text:
            self._on_partial(text)

    def _listen(self, on_partial: Callable[[str], None] | None) -> list[Utterance]:
        """Open what listens: the narrowed utterance first, where there are likely answers."""
        kinds = [None] if self._phrases is None else [self._phrases, None]
        opened: list[Utterance] = []
        try:
            for phrases in kinds:
                opened.append(
                    self._recogniser.open(
                        self._language,
                        self._format,
                        phrases=phrases,
                        on_partial=None if opened else on_partial,
                    )
                )
        except RecognitionFailed as failure:
            _log.error("recognition_failed", reason=str(failure))
        return opened

    async def _believed(self, utterances: Sequence[Utterance]) -> Transcript:
        finals = await asyncio.gather(*(_final(utterance) for utterance in utterances))
        if not finals:
            return Transcript(text="")
        if len(finals) == 1 or self._phrases is None:
            return finals[0]
        return choose(finals[0], finals[1], self._phrases, anywhere=self._means_anything)

    def _means_anything(self, text: str) -> bool:
        return global_intent(text, self._language) is not None

    def _hand_over(self) -> None:
        if self._utterances and self._pending:
            sound = b"".join(self._pending)
            self._sound.append(sound)
            for utterance in self._utterances:
                utterance.feed(sound)
        self._pending = []


async def _final(utterance: Utterance) -> Transcript:
    try:
        return await utterance.finish()
    except RecognitionFailed as failure:
        _log.error("recognition_failed", reason=str(failure))
        return Transcript(text="")
