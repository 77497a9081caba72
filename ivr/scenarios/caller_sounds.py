"""What a scenario's caller says, as sound: a synthetic voice or a recording, with pauses, and with
noise under it."""

from __future__ import annotations

import zlib
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import numpy as np

from ivr.audio.format import TELEPHONE, Audio
from ivr.audio.resampling import resample
from ivr.audio.wav import read_wav
from ivr.phone.voice import CallerVoice
from ivr.scenarios.scenario import UNKNOWN, Step, spoken_parts
from ivr.scenarios.scenario_file import Loaded
from ivr.settings import Settings
from ivr.speech.synthesis.supervised import SynthesisProcess

_AROUND_MS = 400
"""Noise goes on so long before and after the words."""
_MUMBLE_MS = 900
_MUMBLE_LEVEL = 2500.0


class CallerSounds:
    """Makes each sentence once. An engine is started where the settings name none."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        self._voices: dict[str, CallerVoice] = {}
        self._said: dict[tuple[str, str], Audio] = {}

    async def __aenter__(self) -> Self:
        if self._settings.synthesis_url is None:
            process = SynthesisProcess()
            await process.start()
            self._stack.push_async_callback(process.stop)
            self._settings = self._settings.model_copy(update={"synthesis_url": process.url})
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    @property
    def synthesis_url(self) -> str:
        """The engine that makes them."""
        assert self._settings.synthesis_url is not None
        return self._settings.synthesis_url

    async def of(self, loaded: Loaded) -> dict[int, Audio]:
        """The sound of each step of a scenario that has one, by its number."""
        language = loaded.language if loaded.language != UNKNOWN else loaded.scenario.hears[0]
        if language not in loaded.scenario.hears:
            language = loaded.scenario.hears[0]
        return {
            number: await self._sound(step, loaded, language)
            for number, step in enumerate(loaded.scenario.steps)
            if step.act in ("say", "mumble")
        }

    async def _sound(self, step: Step, loaded: Loaded, language: str) -> Audio:
        if step.mumble:
            return mumble()
        if step.wav is not None:
            audio = resample(read_wav(loaded.file.parent / step.wav), TELEPHONE.rate)
        else:
            parts = [await self._speak(part, language) for part in spoken_parts(step.say or "")]
            audio = with_pauses(parts, step.pause_ms)
        if step.snr_db is not None:
            audio = with_noise(audio, step.snr_db, seed=zlib.crc32(loaded.name.encode()))
        return audio

    async def _speak(self, text: str, language: str) -> Audio:
        if language not in self._voices:
            voice = CallerVoice(self._settings, language)
            self._voices[language] = voice
            self._stack.push_async_callback(voice.close)
        if (language, text) not in self._said:
            self._said[language, text] = await self._voices[language].speak(text)
        return self._said[language, text]


def with_pauses(parts: list[Audio], pause_ms: float) -> Audio:
    """Pieces of one rate, so much silence between them."""
    silence = bytes(int(TELEPHONE.rate * pause_ms / 1000) * 2)
    return Audio(silence.join(part.pcm for part in parts), parts[0].format)


def with_noise(audio: Audio, snr_db: float, seed: int) -> Audio:
    """Put white noise under the sound, and a little before and after, so far below the mean level
    of what is sounding."""
    samples = audio.samples.astype(np.float64)
    voiced = samples[np.abs(samples) > 200]
    level = float(np.sqrt(np.mean(voiced**2))) if voiced.size else 0.0
    around = np.zeros(int(audio.format.rate * _AROUND_MS / 1000))
    whole = np.concatenate([around, samples, around])
    noise = np.random.default_rng(seed).normal(0, level * 10 ** (-snr_db / 20), whole.size)
    return Audio.from_samples((whole + noise).clip(-32768, 32767).astype(np.int16), audio.format)


def mumble() -> Audio:
    """A voice behind closed lips: a low buzz with overtones that rises and falls, and no words."""
    t = np.arange(int(TELEPHONE.rate * _MUMBLE_MS / 1000)) / TELEPHONE.rate
    pitch = 110 + 15 * np.sin(2 * np.pi * 1.5 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / TELEPHONE.rate
    buzz = sum(np.sin(n * phase) / n**1.5 for n in range(1, 9))
    swell = 0.55 - 0.45 * np.cos(2 * np.pi * 2.5 * t)
    return Audio.from_samples((buzz * swell * _MUMBLE_LEVEL).astype(np.int16))
