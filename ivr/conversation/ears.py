"""The worker's ears for one call: voice activity on every frame, and a recogniser that is open
only while somebody speaks."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest

import structlog

from ivr.audio.format import AudioFormat
from ivr.audio.vad import VoiceDetector
from ivr.conversation.hypotheses import choose, spoken_in
from ivr.dialogue.lexicon import global_intent
from ivr.speech.recognition.recogniser import (
    Recogniser,
    RecognitionFailed,
    Transcript,
    Utterance,
)

PRE_ROLL_MS = 300
"""Sound before the onset that the recogniser gets too: consonants begin softly."""

ECHO_DB = 18.0
"""What is so much softer than the bot is its echo: a gateway leaves the far end at least 20 dB
softer (ITU-T G.168 asks more of an echo canceller), and callers are about as loud as the bot."""

_BETWEEN_WORDS_MS = 160
"""A pause this long is none within a word: the closure before a "t" or a "k" is shorter."""

_LONGEST_PRE_ROLL_MS = 600
_FEED_FRAMES = 10
"""Frames handed over at once: one by one they cost more than they tell."""
_log = structlog.get_logger()


class Ears:
    """Hears one call. All methods run on the event loop; `now_ms` is monotonic.

    Where likely answers are known, two hypotheses run side by side: one narrowed to them, which
    gets digits and yes or no right, and an open one, for the caller who says something else.

    A look at the words ends what was decoded so far: most pauses are the end. Where the caller
    speaks on after a pause that is none within a word, decoding goes on from there, and the words
    are put together; after a shorter one, what was said since the last such pause is decoded
    again, many times faster than it was said.
    """

    def __init__(self, recogniser: Recogniser, format: AudioFormat) -> None:
        self._recogniser = recogniser
        self._format = format
        self._vad = VoiceDetector(format)
        self._recent: deque[bytes] = deque(maxlen=_LONGEST_PRE_ROLL_MS // format.ptime_ms)
        self._silence = format.silence
        self.rested = 0
        """Frames of silence that came while it `rests` and are heard with the next frame: for most
        of a call there is nothing else to be heard."""
        self._pending: list[bytes] = []
        self._phrases: Sequence[str] | None = None
        self._language = ""
        self._others: tuple[str, ...] = ()
        self._open = False
        """Whether an utterance is under way; if so, either it is being decoded, or it has been
        looked at and nothing was said since."""
        self._utterances: list[Utterance] = []
        self._look: _Look | None = None
        self._sound = b""
        """Of the utterance, from its beginning, and from which byte on it is being decoded: what
        comes before that has been `_earlier`."""
        self._from = 0
        self._earlier: _Look | None = None
        self._quiet = 0
        """Frames since the last with speech."""
        self._heard = 0
        self._finished = b""
        self._finished_at = 0
        """The sound of the utterance before this one, and how many frames had been heard then."""

    @property
    def began_ms_ago(self) -> float:
        """How long ago the speech began that has only now been noticed; 0 where it is older."""
        ago = self._vad.onset_ms
        return ago if ago <= PRE_ROLL_MS else 0.0

    def doubtful(self, bot_dbfs: float) -> bool:
        """Whether the last frame may be no more than the bot's own echo, given how loud the bot
        was lately, or a hum through closed lips."""
        return self._vad.level_dbfs < bot_dbfs - ECHO_DB or self._vad.is_hum

    @property
    def stirs(self) -> bool:
        """Whether the last frame may be where speech begins."""
        return self._vad.stirs

    @property
    def level_dbfs(self) -> float:
        """Level of the last frame."""
        return self._vad.level_dbfs

    @property
    def noise_dbfs(self) -> float:
        """Level of the line when nobody speaks, as far as it is known."""
        return self._vad.noise_dbfs

    @property
    def rests(self) -> bool:
        """Whether more digital silence would change nothing."""
        return not self._open and self._vad.rests

    def hear(self, frame: bytes) -> bool:
        """Take one frame; returns whether the caller sounds in it: a pause between two sounds of
        a word counts as silence."""
        if self.rested:
            self._catch_up()
        self._recent.append(frame)
        self._heard += 1
        speech = self._vad.feed(frame) and self._vad.sounding
        if self._open:
            self._pending.append(frame)
            if speech and self._look is not None:
                self._go_on(self._look)
            self._quiet = 0 if speech else self._quiet + 1
            if len(self._pending) >= _FEED_FRAMES:
                self._hand_over()
        return speech

    def open(
        self,
        language: str,
        phrases: Sequence[str] | None,
        onset_ms_ago: float,
        *,
        others: Iterable[str] = (),
        joins: bool = False,
    ) -> None:
        """Begin an utterance whose speech began `onset_ms_ago`, in `language` or one of `others`;
        with `joins` it goes on where the last one ended, and is heard as one with it.

        A recogniser that fails is not the caller's fault: the utterance stays empty.
        """
        self.abandon()
        self._language = language
        self._phrases = phrases
        self._others = tuple(
            code for code in others if code != language and code in self._recogniser.languages
        )
        self._open = True
        self._utterances = self._listen()
        frames = round((onset_ms_ago + PRE_ROLL_MS) / self._format.ptime_ms)
        self._quiet = 0
        before = b""
        if joins:
            frames = min(frames, self._heard - self._finished_at)
            before = self._finished
        self._pending = [before, *(list(self._recent)[-frames:] if frames else [])]
        self._hand_over()

    async def peek(self) -> Transcript | None:
        """Return the words so far as if the utterance ended here; None when the caller speaks on
        meanwhile, or there is no utterance.

        The running hypothesis lags by up to half a second: the network wants its right context,
        and works in chunks.
        """
        if not self._open:
            return None
        look = self._look_at()
        words = await look.words()
        return words if self._look is look else None

    async def finish(self) -> Transcript:
        """Return the utterance's final words; an empty transcript when there are none."""
        if not self._open:
            return Transcript(text="")
        look = self._look_at()
        self._hand_over()
        self._finished, self._finished_at = self._sound, self._heard
        self._forget()
        return await look.words()

    def abandon(self) -> None:
        """Throw the utterance away, if there is one."""
        utterances = self._utterances
        look = self._look or self._earlier
        while look is not None:
            look.abandon()
            look = look.earlier
        self._forget()
        for utterance in utterances:
            utterance.abandon()

    def _catch_up(self) -> None:
        frames, self.rested = self.rested, 0
        self._recent.extend([self._silence] * min(frames, self._recent.maxlen or 0))
        self._heard += frames
        self._vad.rest(frames)

    def _look_at(self) -> _Look:
        """End the decoding here, unless nothing was said since that was done."""
        if self._look is None:
            self._hand_over()
            utterances, self._utterances = self._utterances, []
            since_ms = self._from / self._format.frame_bytes * self._format.ptime_ms
            self._look = _Look(utterances, self._believed, self._earlier, since_ms)
        return self._look

    def _go_on(self, look: _Look) -> None:
        """The caller speaks on after a look."""
        self._hand_over()
        if self._quiet >= _BETWEEN_WORDS_MS // self._format.ptime_ms:
            self._earlier = look
            frames = min(self._quiet, PRE_ROLL_MS // self._format.ptime_ms) + 1
            begins = len(self._sound) - frames * self._format.frame_bytes
            self._from = max(self._from, begins)
        else:
            look.abandon()
        self._look = None
        self._utterances = self._listen()
        for utterance in self._utterances:
            utterance.feed(self._sound[self._from :])

    def _forget(self) -> None:
        self._open = False
        self._utterances = []
        self._look = self._earlier = None
        self._pending = []
        self._sound = b""
        self._from = 0

    def _listen(self) -> list[Utterance]:
        """Open what listens: the narrowed utterance first, where there are likely answers; the
        other languages last."""
        kinds: list[tuple[str, Sequence[str] | None]] = [(self._language, None)]
        if self._phrases is not None:
            kinds.insert(0, (self._language, self._phrases))
        kinds += [(code, None) for code in self._others]
        opened: list[Utterance] = []
        try:
            for language, phrases in kinds:
                opened.append(self._recogniser.open(language, self._format, phrases=phrases))
        except RecognitionFailed as failure:
            _log.error("recognition_failed", reason=str(failure))
        return opened

    def _believed(self, finals: Sequence[Transcript]) -> Transcript:
        if not finals:
            return Transcript(text="")
        count = 1 if self._phrases is None else 2
        own, others = finals[:count], finals[count:]
        words = own[0]
        if self._phrases is not None and len(own) == count:
            words = choose(own[0], own[1], self._phrases, anywhere=self._means_anything)
        heard = {self._language: words, **dict(zip(self._others, others, strict=False))}
        return spoken_in(heard, self._language) if others else words

    def _means_anything(self, text: str) -> bool:
        return global_intent(text, self._language) is not None

    def _hand_over(self) -> None:
        sound = b"".join(self._pending)
        self._pending = []
        if sound:
            self._sound += sound
            for utterance in self._utterances:
                utterance.feed(sound)


class _Look:
    """The end of what was decoded so far, and the words that came of it; asked for more than
    once, they are decoded once. `earlier` is what was decoded before that, up to `since_ms`."""

    def __init__(
        self,
        utterances: list[Utterance],
        believed: Callable[[Sequence[Transcript]], Transcript],
        earlier: _Look | None,
        since_ms: float,
    ) -> None:
        self._utterances = utterances
        self._believed = believed
        self.earlier = earlier
        self._since_ms = since_ms
        self._finals: Sequence[Transcript] = ()
        self._decoding = asyncio.create_task(self._decode())

    async def words(self) -> Transcript:
        """Return what was said; nothing where it was abandoned."""
        await asyncio.wait({self._decoding})
        return Transcript(text="") if self._decoding.cancelled() else self._decoding.result()

    def abandon(self) -> None:
        """Nobody will need them any more."""
        self._decoding.cancel()
        for utterance in self._utterances:
            utterance.abandon()

    async def _decode(self) -> Transcript:
        finals: Sequence[Transcript] = await asyncio.gather(*map(_final, self._utterances))
        if self.earlier is not None:
            await self.earlier.words()
            finals = [
                before.then(after, self._since_ms)
                for before, after in zip_longest(
                    self.earlier._finals, finals, fillvalue=Transcript(text="")
                )
            ]
        self._finals = finals
        return self._believed(finals)


async def _final(utterance: Utterance) -> Transcript:
    try:
        return await utterance.finish()
    except RecognitionFailed as failure:
        _log.error("recognition_failed", reason=str(failure))
        return Transcript(text="")
