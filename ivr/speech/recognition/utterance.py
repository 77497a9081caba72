"""One utterance on its way through Vosk.

Rules:
- The sound is decoded in the order in which it was fed, by one thread at a time, never on the
  event loop. It waits until there is a portion of it, unless somebody wants partials or the end
  (see `Pace`). A thread takes a portion and goes to the end of the queue, so that an utterance
  with much to catch up on does not hold back the others.
- What comes out comes out on the event loop; after `finish` or `abandon` there are no partials.
- `abandon` wins over everything; what is fed after the end is ignored, because a caller's
  last frames and our decision to stop listening cross on the way.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from ivr.audio.format import SAMPLE_BYTES
from ivr.errors import IvrError
from ivr.speech.recognition.hypotheses import Hypothesis
from ivr.speech.recognition.pace import Pace
from ivr.speech.recognition.recogniser import RecognitionFailed, Transcript
from ivr.speech.recognition.warm import Recognizer

MAX_BACKLOG_MS = 600_000
"""Behind by more than this (10 MB at 8,000 Hz), an utterance is given up."""


class VoskUtterance:
    """An `Utterance`. `take` gets its recognizer and `give_back` returns it with the sound it was
    given (ms), both on a thread of `pool`; `on_over` is told when nothing is left to decode. Made
    and used on `loop`.
    """

    def __init__(
        self,
        take: Callable[[], Recognizer],
        give_back: Callable[[Recognizer, float], None],
        *,
        pace: Pace,
        rate: int,
        pool: ThreadPoolExecutor,
        loop: asyncio.AbstractEventLoop,
        on_partial: Callable[[str], None] | None,
        on_over: Callable[[VoskUtterance], None],
    ) -> None:
        self._take_recognizer = take
        self._give_back = give_back
        self._pace = pace
        self._bytes_per_ms = rate * SAMPLE_BYTES // 1000
        self._pool = pool
        self._loop = loop
        self._on_partial = on_partial
        self._on_over = on_over
        self._result: asyncio.Future[Transcript] | None = None
        self._failure: RecognitionFailed | None = None
        # What follows is shared with the pool's threads, under the lock.
        self._lock = threading.Lock()
        self._waiting: deque[bytes] = deque()
        self._undecoded = self._decoding = 0
        self._last = False
        self._abandoned = False
        self._at_work = False
        # Only the one thread that is at work touches these.
        self._recognizer: Recognizer | None = None
        self._hypothesis = Hypothesis()
        self._partial = ""
        self._sound_ms = self._took_ms = 0.0

    @property
    def backlog_ms(self) -> float:
        """What it takes of a processor, about, to decode what is to be decoded now; nothing while
        the sound may wait."""
        if not self._at_work:
            return 0.0
        return self._pace.work_ms(self._undecoded / self._bytes_per_ms)

    @property
    def waiting_ms(self) -> float:
        """The same without what a thread is decoding."""
        if not self._at_work:
            return 0.0
        return self._pace.work_ms((self._undecoded - self._decoding) / self._bytes_per_ms)

    @property
    def failure(self) -> RecognitionFailed | None:
        """See `Utterance.failure`."""
        return self._failure

    def feed(self, pcm: bytes) -> None:
        """See `Utterance.feed`. Raises ValueError for half a sample."""
        if len(pcm) % SAMPLE_BYTES:
            raise ValueError(f"{len(pcm)} bytes are no whole number of samples")
        with self._lock:
            if self._last or self._abandoned or not pcm:
                return
            self._waiting.append(pcm)
            self._undecoded += len(pcm)
            waits_ms = self._undecoded / self._bytes_per_ms
        if waits_ms > MAX_BACKLOG_MS:
            self._fail(RecognitionFailed("Recognition is too far behind."))
            self.abandon()
        elif self._on_partial is not None or waits_ms >= self._pace.portion_ms:
            self._work_on()

    async def finish(self) -> Transcript:
        """See `Utterance.finish`."""
        if self._result is not None:
            raise RuntimeError("the utterance has been finished before")
        self._result = self._loop.create_future()
        with self._lock:
            self._last = True
            over = self._abandoned
        if over:
            self._fail(RecognitionFailed("The utterance was abandoned."))
        else:
            self._work_on()
        try:
            return await self._result
        except asyncio.CancelledError:
            self.abandon()
            raise

    def abandon(self) -> None:
        """See `Utterance.abandon`."""
        with self._lock:
            if self._abandoned:
                return
            self._abandoned = True
            self._waiting.clear()
            self._undecoded = self._decoding = 0
            begun = self._recognizer is not None
        self._fail(RecognitionFailed("The utterance was abandoned."))
        self._on_over(self)
        if begun:
            # Its recognizer is freed where it was made: that too takes time.
            self._work_on()

    def _fail(self, failure: RecognitionFailed) -> None:
        self._failure = self._failure or failure
        if self._result is not None and not self._result.done():
            self._result.set_exception(self._failure)

    def _work_on(self) -> None:
        with self._lock:
            if self._at_work:
                return
            self._at_work = True
        self._submit()

    def _submit(self) -> None:
        try:
            self._pool.submit(self._work)
        except RuntimeError:
            # The pool is shut down; nothing of this utterance will be decoded any more.
            self._recognizer = None
            self._on_loop(self._ended, None, RecognitionFailed("The recogniser is closed."))

    def _work(self) -> None:
        """One portion, on a thread of the pool."""
        try:
            more = self._decode_portion()
        except Exception as error:  # noqa: BLE001 - native code; one utterance must not end others
            self._recognizer = None
            why = error.what if isinstance(error, IvrError) else f"Vosk failed: {error}."
            self._on_loop(self._ended, None, RecognitionFailed(why))
            return
        if more:
            self._submit()

    def _decode_portion(self) -> bool:
        """Decode what waits, a portion at most; return whether there is more to do now."""
        began = time.thread_time()
        pcm, last = self._take()
        if self._recognizer is None and (pcm or last):
            self._recognizer = self._take_recognizer()
        recognizer = self._recognizer
        if pcm and recognizer is not None and recognizer.vosk.AcceptWaveform(pcm):
            self._hypothesis.add(recognizer.vosk.Result())
        with self._lock:
            if not self._abandoned:
                self._undecoded -= len(pcm)
            self._decoding = 0
            if self._abandoned or recognizer is None:
                self._recognizer = None
                return False
            last = self._last and not self._waiting
        self._sound_ms += len(pcm) / self._bytes_per_ms
        if last:
            self._hypothesis.add(recognizer.vosk.FinalResult())
        elif self._on_partial is not None and pcm:
            self._report_partial(recognizer.vosk.PartialResult())
        self._took_ms += (time.thread_time() - began) * 1000
        if last:
            self._end(recognizer)
            return False
        with self._lock:
            self._at_work = bool(self._waiting) or self._last or self._abandoned
            return self._at_work

    def _end(self, recognizer: Recognizer) -> None:
        self._recognizer = None
        words = self._hypothesis.transcript(since_ms=recognizer.heard_ms)
        self._on_loop(self._ended, words, None)
        self._pace.note(self._sound_ms, self._took_ms)
        self._give_back(recognizer, self._sound_ms)

    def _take(self) -> tuple[bytes, bool]:
        most = int(self._pace.portion_ms) * self._bytes_per_ms
        taken: list[bytes] = []
        size = 0
        with self._lock:
            while self._waiting and size < most:
                pcm = self._waiting.popleft()
                if size + len(pcm) > most:
                    self._waiting.appendleft(pcm[most - size :])
                    pcm = pcm[: most - size]
                taken.append(pcm)
                size += len(pcm)
            self._decoding = size
            return b"".join(taken), self._last and not self._abandoned

    def _report_partial(self, partial: str) -> None:
        running = self._hypothesis.with_partial(partial)
        if running != self._partial:
            self._partial = running
            self._on_loop(self._tell_partial, running)

    def _tell_partial(self, running: str) -> None:
        if self._on_partial is not None and not self._last and not self._abandoned:
            self._on_partial(running)

    def _ended(self, transcript: Transcript | None, failure: RecognitionFailed | None) -> None:
        self._on_over(self)
        if failure is not None:
            with self._lock:
                self._abandoned = True
                self._waiting.clear()
                self._undecoded = self._decoding = 0
            self._fail(failure)
        elif transcript is not None and self._result is not None and not self._result.done():
            self._result.set_result(transcript)

    def _on_loop(self, callback: Callable[..., None], *arguments: object) -> None:
        # The loop may have closed while Vosk was at work.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, *arguments)
