"""What the bot said, recognised from the phone's side of the line."""

from __future__ import annotations

from ivr.audio.format import SAMPLE_BYTES
from ivr.phone.handset import Handset
from ivr.settings import Settings
from ivr.speech.recognition.models import models_for
from ivr.speech.recognition.recogniser import RecognitionFailed
from ivr.speech.recognition.vosk import VoskRecogniser


class BotEar:
    """Recognises the bot's side of a handset's record, stretch by stretch."""

    def __init__(self, settings: Settings, handset: Handset, language: str) -> None:
        self._recogniser = VoskRecogniser(models_for(settings), threads=1)
        self._handset = handset
        self._language = language
        self._from = 0

    def begin(self) -> None:
        """Begin a stretch here."""
        self._from = len(self._heard())

    async def words(self) -> str:
        """Return the words heard since `begin`; empty where nothing was understood."""
        pcm = self._heard()[self._from :]
        if self._language not in self._recogniser.languages or not pcm:
            return ""
        utterance = self._recogniser.open(self._language, self._handset.format)
        step = self._handset.format.rate * SAMPLE_BYTES
        for start in range(0, len(pcm), step):
            utterance.feed(pcm[start : start + step])
        try:
            return (await utterance.finish()).text
        except RecognitionFailed:
            return ""

    def close(self) -> None:
        """Let go of the engine."""
        self._recogniser.close()

    def _heard(self) -> bytes:
        _, bot = self._handset.record()
        return bot.pcm
