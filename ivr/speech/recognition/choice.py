"""Which engines hear callers, and in which order: the one place that knows them all."""

from __future__ import annotations

import structlog

from ivr.errors import IvrError
from ivr.settings import Settings
from ivr.speech.recognition.models import models_for
from ivr.speech.recognition.ordered import Engine, OrderedRecogniser
from ivr.speech.recognition.vosk import VoskRecogniser
from ivr.speech.recognition.vosk_server import VoskServerRecogniser
from ivr.speech.recognition.whisper import WhisperRecogniser

_log = structlog.get_logger(__name__)


class ChosenRecogniser(OrderedRecogniser):
    """The engines that `settings` name: vosk-servers first, then Vosk in this process, then
    faster-whisper.

    Raises IvrError for a setting that is wrong.
    """

    def __init__(self, settings: Settings) -> None:
        try:
            models = models_for(settings, settings.recognition_models)
        except IvrError:
            # Where all hearing is done elsewhere, none is needed here.
            if settings.recognition_models or not settings.vosk_servers:
                raise
            models = {}
        self._here = VoskRecogniser(models, threads=settings.recogniser_threads)
        self._servers = VoskServerRecogniser(settings.vosk_servers)
        self._whisper = _whisper(settings)
        engines = [
            Engine(name="vosk-server", recogniser=self._servers, healthy=self._servers.healthy),
            Engine(name="vosk", recogniser=self._here),
        ]
        if self._whisper is not None:
            engines.append(Engine(name="faster-whisper", recogniser=self._whisper))
        super().__init__(engines)

    @property
    def waiting_ms(self) -> float:
        """How long it takes one thread, about, to recognise what waits for a thread.

        What a vosk-server has not taken yet counts for as long as it lasts: nothing waits there
        while it keeps up.
        """
        return self._here.waiting_ms + self._servers.backlog_ms

    def load(self) -> None:
        """Load what is in this process now; blocks. Raises IvrError for a model that is none."""
        self._here.load()
        if self._whisper is not None:
            self._whisper.load()


def _whisper(settings: Settings) -> WhisperRecogniser | None:
    """faster-whisper where it is wanted and there; the log is told where it is only wanted."""
    if settings.whisper_model is None:
        return None
    try:
        return WhisperRecogniser(settings.whisper_model, settings.whisper_languages)
    except IvrError as error:
        _log.warning("recogniser_missing", engine="faster-whisper", why=str(error))
        return None
