"""faster-whisper behind the port, where it is installed (the extra `whisper`): whole utterances.

Whisper hears nothing until an utterance is over (Radford et al., "Robust Speech Recognition via
Large-Scale Weak Supervision", 2022), so there are no partials, and the final words come late: it
is for languages that no other engine has, and for when the others are away. Nothing is ever
downloaded: the model is a folder in CTranslate2's format.
"""

from __future__ import annotations

import asyncio
import importlib.util
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ivr.audio.format import SAMPLE_BYTES, Audio, AudioFormat
from ivr.audio.resampling import resample
from ivr.errors import IvrError
from ivr.speech.recognition.grammar import words_of
from ivr.speech.recognition.recogniser import RecognitionFailed, Transcript, Word

RATE = 16_000
LONGEST_MS = 30_000
"""Whisper's window; what is said after it is not heard."""

_SHORTEST_MS = 100


class WhisperRecogniser:
    """A `Recogniser` with the model in folder `model`, for `languages`, one utterance at a time
    on each of `threads` threads.

    Raises IvrError where the package or the model is missing.
    """

    def __init__(self, model: Path, languages: Iterable[str], threads: int = 1) -> None:
        if importlib.util.find_spec("faster_whisper") is None:
            raise IvrError(
                "The recogniser faster-whisper is not installed.",
                remedy="Install it with: pip install 'ivr[whisper]'.",
            )
        if not (model / "model.bin").is_file():
            raise IvrError(
                f"{model} holds no model of faster-whisper: it has no model.bin.",
                remedy="Give the folder of a model in CTranslate2's format in whisper_model.",
            )
        self._path = model
        self._languages = frozenset(languages)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="whisper")
        self._lock = threading.Lock()
        self._model: Any = None
        self._live: set[WhisperUtterance] = set()
        self._closed = False

    @property
    def languages(self) -> frozenset[str]:
        """See `Recogniser.languages`."""
        return self._languages

    def load(self) -> None:
        """Load the model now; blocks. Raises IvrError for a folder that holds none."""
        from faster_whisper import WhisperModel  # noqa: PLC0415 - an extra, and heavy

        with self._lock:
            if self._model is not None:
                return
            try:
                self._model = WhisperModel(
                    str(self._path),
                    device="cpu",
                    compute_type="int8",
                    cpu_threads=1,
                    local_files_only=True,
                )
            except Exception as error:  # noqa: BLE001 - native code, and what its readers raise
                raise IvrError(
                    f"The model of faster-whisper in {self._path} does not load: {error}.",
                    remedy="Convert or fetch it again.",
                ) from None

    def open(
        self,
        language: str,
        format: AudioFormat,
        *,
        phrases: Sequence[str] | None = None,
        on_partial: Callable[[str], None] | None = None,
    ) -> WhisperUtterance:
        """See `Recogniser.open`. Phrases are a hint, not a fence; there are no partials."""
        del on_partial
        if language not in self._languages:
            raise RecognitionFailed(f"faster-whisper is not to hear language {language!r}.")
        if self._closed:
            raise RecognitionFailed("The recogniser is closed.")
        hint = None if phrases is None else ", ".join(phrases)
        utterance = WhisperUtterance(
            format, self._pool, lambda sound: self._heard(sound, language, hint), self._live.discard
        )
        self._live.add(utterance)
        return utterance

    def close(self) -> None:
        """See `Recogniser.close`; utterances that are open are abandoned."""
        self._closed = True
        for utterance in list(self._live):
            utterance.abandon()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _heard(self, sound: npt.NDArray[np.float32], language: str, hint: str | None) -> Transcript:
        """On a thread of the pool."""
        self.load()
        segments, _ = self._model.transcribe(
            sound,
            language=language,
            beam_size=1,
            temperature=0.0,
            word_timestamps=True,
            condition_on_previous_text=False,
            hotwords=hint,
        )
        found = [word for segment in segments for word in segment.words or ()]
        words = [
            Word(
                text=text,
                start_ms=word.start * 1000,
                end_ms=word.end * 1000,
                confidence=min(max(word.probability, 0.0), 1.0),
            )
            for word in found
            for text in words_of(word.word)
            if text
        ]
        return Transcript(text=" ".join(word.text for word in words), words=tuple(words))


class WhisperUtterance:
    """An `Utterance` that is heard when it is over: by `hear`, on a thread of `pool`."""

    def __init__(
        self,
        format: AudioFormat,
        pool: ThreadPoolExecutor,
        hear: Callable[[npt.NDArray[np.float32]], Transcript],
        on_over: Callable[[WhisperUtterance], None],
    ) -> None:
        self._format = format
        self._pool = pool
        self._hear = hear
        self._on_over = on_over
        self._sound = bytearray()
        self._finishing: asyncio.Future[Transcript] | None = None
        self._abandoned = False

    @property
    def failure(self) -> RecognitionFailed | None:
        """See `Utterance.failure`."""
        return RecognitionFailed("The utterance was abandoned.") if self._abandoned else None

    def feed(self, pcm: bytes) -> None:
        """See `Utterance.feed`. Raises ValueError for half a sample."""
        if len(pcm) % SAMPLE_BYTES:
            raise ValueError(f"{len(pcm)} bytes are no whole number of samples")
        room = self._format.rate * SAMPLE_BYTES * LONGEST_MS // 1000 - len(self._sound)
        if self._finishing is None and not self._abandoned:
            self._sound += pcm[:room]

    async def finish(self) -> Transcript:
        """See `Utterance.finish`."""
        if self._finishing is not None:
            raise RuntimeError("the utterance has been finished before")
        if self._abandoned:
            raise RecognitionFailed("The utterance was abandoned.")
        loop = asyncio.get_running_loop()
        try:
            self._finishing = loop.run_in_executor(self._pool, self._transcript)
            words = await self._finishing
        except asyncio.CancelledError:
            if self._abandoned:
                raise RecognitionFailed("The utterance was abandoned.") from None
            self.abandon()
            raise
        except Exception as error:  # noqa: BLE001 - native code; one utterance must not end others
            why = error.what if isinstance(error, IvrError) else f"faster-whisper failed: {error}."
            raise RecognitionFailed(why) from None
        finally:
            self._on_over(self)
        return words

    def abandon(self) -> None:
        """See `Utterance.abandon`."""
        self._abandoned = True
        self._sound.clear()
        self._on_over(self)
        if self._finishing is not None:
            self._finishing.cancel()

    def _transcript(self) -> Transcript:
        pcm = bytes(self._sound)
        if len(pcm) < self._format.rate * SAMPLE_BYTES * _SHORTEST_MS // 1000:
            return Transcript(text="")
        at_rate = resample(Audio(pcm, self._format), RATE).samples
        return self._hear(at_rate.astype(np.float32) / np.float32(32768))
