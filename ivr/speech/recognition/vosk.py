"""Vosk behind the port: a model a language for the whole process, decoded on a few threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog
import vosk

from ivr.audio.format import AudioFormat
from ivr.errors import IvrError
from ivr.speech.recognition.grammar import grammar
from ivr.speech.recognition.kaldi_words import kaldi_overheard
from ivr.speech.recognition.pace import Pace
from ivr.speech.recognition.recogniser import RecognitionFailed
from ivr.speech.recognition.utterance import VoskUtterance
from ivr.speech.recognition.warm import Recognizer, WarmRecognizers

_ENDPOINTING = b"--endpoint.silence-phones"
_ANY_RATE = 8000

_log = structlog.get_logger(__name__)

# Kaldi writes to stderr what we report ourselves.
vosk.SetLogLevel(-1)


class VoskRecogniser:
    """A `Recogniser` with the models of `models` (language code to folder), decoding on
    `threads` threads.

    A model is loaded when `load` says so, at the latest with its first utterance, and off the
    event loop either way.
    """

    def __init__(self, models: Mapping[str, Path], threads: int) -> None:
        self._models = {language: _Model(path) for language, path in models.items()}
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="vosk")
        self._warm = WarmRecognizers(threads)
        self._live: set[VoskUtterance] = set()
        self._told: set[tuple[str, str]] = set()
        self._closed = False

    @property
    def languages(self) -> frozenset[str]:
        """See `Recogniser.languages`."""
        return frozenset(self._models)

    @property
    def backlog_ms(self) -> float:
        """What it takes of a processor, about, to decode what is to be decoded now, in ms, all
        utterances together."""
        return sum(utterance.backlog_ms for utterance in self._live)

    @property
    def waiting_ms(self) -> float:
        """The same without what a thread is decoding: what all threads together have to do before
        they come to something new."""
        return sum(utterance.waiting_ms for utterance in self._live)

    def load(self) -> None:
        """Load every model now; blocks. Raises IvrError for a folder that holds none."""
        for model in self._models.values():
            model.get()

    def open(
        self,
        language: str,
        format: AudioFormat,
        *,
        phrases: Sequence[str] | None = None,
        on_partial: Callable[[str], None] | None = None,
    ) -> VoskUtterance:
        """See `Recogniser.open`."""
        model = self._models.get(language)
        if model is None:
            raise RecognitionFailed(
                f"There is no recognition model for language {language!r}.",
                remedy="See `ivrctl models list`, and install one with `ivrctl models install`.",
            )
        if self._closed:
            raise RecognitionFailed("The recogniser is closed.")
        said = None if phrases is None else tuple(phrases)
        kind = (language, format.rate, said)

        def take() -> Recognizer:
            return self._warm.take(
                kind, lambda: self._recognizer(language, model, format.rate, said)
            )

        def give_back(recognizer: Recognizer, sound_ms: float) -> None:
            if not self._closed:
                self._warm.give_back(kind, recognizer, sound_ms)

        utterance = VoskUtterance(
            take,
            give_back,
            pace=model.pace,
            rate=format.rate,
            pool=self._pool,
            loop=asyncio.get_running_loop(),
            on_partial=on_partial,
            on_over=self._live.discard,
        )
        self._live.add(utterance)
        return utterance

    def close(self) -> None:
        """See `Recogniser.close`; utterances that are open are abandoned."""
        self._closed = True
        for utterance in list(self._live):
            utterance.abandon()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._warm.forget()

    def _recognizer(
        self, language: str, model: _Model, rate: int, phrases: tuple[str, ...] | None
    ) -> Any:
        loaded = model.get()
        said = None
        if phrases is not None:
            said, missing = grammar(phrases, lambda word: loaded.vosk_model_find_word(word) >= 0)
            self._tell(language, missing)
        if said is None:
            recognizer = vosk.KaldiRecognizer(loaded, rate)
        else:
            recognizer = vosk.KaldiRecognizer(loaded, rate, said)
        recognizer.SetWords(True)
        return recognizer

    def _tell(self, language: str, missing: frozenset[str]) -> None:
        new = {(language, word) for word in missing} - self._told
        if new:
            self._told |= new
            words = sorted(word for _, word in new)
            _log.warning("words_unknown_to_model", language=language, words=words)


class _Model:
    """A model that is loaded once, when it is needed, whoever needs it first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.pace = Pace()
        self._lock = threading.Lock()
        self._loaded: Any = None

    def get(self) -> Any:
        """Return the model. Raises IvrError when the folder holds none."""
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def _load(self) -> Any:
        damage = self._damage()
        if not damage:
            # Exception itself is what Vosk raises.
            with kaldi_overheard() as kaldi, suppress(Exception):
                model = vosk.Model(str(self._path))
                # Some damage is only found out by whoever wants to listen.
                vosk.KaldiRecognizer(model, _ANY_RATE)
                return model
            damage = kaldi.complaint or "Vosk does not say why"
        raise IvrError(
            f"The folder {self._path} holds no Vosk model that loads: {damage}.",
            remedy="Install it again with `ivrctl models install`.",
        )

    def _damage(self) -> str:
        """What would be found out only with a caller on the line, or never: "" for nothing."""
        try:
            told = (self._path / "conf" / "model.conf").read_bytes()
            with (self._path / "graph" / "words.txt").open("rb") as file:
                word = file.readline().split()
        except FileNotFoundError:
            return ""  # Models are laid out in more than one way.
        except OSError as error:
            return f"{error.filename} cannot be read: {error.strerror}"
        if _ENDPOINTING not in told:
            # Kaldi ends the process over it, at the first sound.
            return f"conf/model.conf lacks {_ENDPOINTING.decode()}"
        if len(word) != 2 or not word[1].isdigit():
            return "graph/words.txt is no list of words and their numbers"
        return ""
