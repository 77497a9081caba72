"""Which engines hear callers, and in which order: the one place that knows them all."""

from __future__ import annotations

from ivr.settings import Settings
from ivr.speech.recognition.models import models_for
from ivr.speech.recognition.vosk import VoskRecogniser


def recogniser_of(settings: Settings) -> VoskRecogniser:
    """Return what `settings` name."""
    return VoskRecogniser(
        models_for(settings, settings.recognition_models), threads=settings.recogniser_threads
    )
