"""The voice of a scripted caller: a synthetic one, through the worker's own engine."""

from __future__ import annotations

from ivr.audio.format import Audio
from ivr.settings import Settings
from ivr.speech.synthesis.client import SynthesisClient
from ivr.speech.synthesis.supervised import SynthesisProcess
from ivr.speech.synthesis.synthesiser import Voice

UNSEEN_VARIANT = "+m3"
"""A voice that the bundled recognition model was not trained on."""


class CallerVoice:
    """Speaks sentences for a caller in `language`; starts an engine where none is configured."""

    def __init__(self, settings: Settings, language: str = "en") -> None:
        self._url = settings.synthesis_url
        self._voice = Voice(language=language, names=(("espeak", UNSEEN_VARIANT),), rate=150)
        self._process: SynthesisProcess | None = None
        self._client: SynthesisClient | None = None

    async def speak(self, text: str) -> Audio:
        """Return `text` as sound. Raises IvrError when there is no engine."""
        if self._client is None:
            url = self._url
            if url is None:
                self._process = SynthesisProcess()
                await self._process.start()
                url = self._process.url
            self._client = SynthesisClient(url, timeout_s=5.0)
        return await self._client.synthesise(text, self._voice)

    async def close(self) -> None:
        """Let go of the engine."""
        if self._client is not None:
            await self._client.close()
        if self._process is not None:
            await self._process.stop()
