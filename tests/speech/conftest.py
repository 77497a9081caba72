"""Real engines: the bundled model, and espeak-ng in its process."""

from __future__ import annotations

import wave
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ivr.settings import PROJECT
from ivr.speech.recognition.vosk import VoskRecogniser
from ivr.speech.synthesis.client import SynthesisClient
from ivr.speech.synthesis.supervised import SynthesisProcess

MODEL = PROJECT / "models" / "vosk-ivr-en-8k"
SHARED_SPEECH = PROJECT.parent / "shared" / "speech"


@pytest.fixture
def recogniser() -> Iterator[VoskRecogniser]:
    vosk = VoskRecogniser({"en": MODEL}, threads=2)
    yield vosk
    vosk.close()


@pytest.fixture
async def synthesis() -> AsyncIterator[SynthesisProcess]:
    process = SynthesisProcess()
    await process.start()
    yield process
    await process.stop()


@pytest.fixture
async def client(synthesis: SynthesisProcess) -> AsyncIterator[SynthesisClient]:
    # On a loaded machine espeak-ng's 3 ms are many; what is asked is whether it speaks.
    connected = SynthesisClient(synthesis.url, timeout_s=10.0)
    yield connected
    await connected.close()


@pytest.fixture
async def hasty(synthesis: SynthesisProcess) -> AsyncIterator[SynthesisClient]:
    """A client as workers have it."""
    connected = SynthesisClient(synthesis.url)
    yield connected
    await connected.close()


def recording(place: str) -> bytes:
    """Return the samples of a recording of the shared folder; skip where it is not there."""
    path = SHARED_SPEECH / place
    if not path.exists():
        pytest.skip(f"the recording {place} is not beside the project (../shared/speech)")
    return read_pcm(path)


def read_pcm(path: Path) -> bytes:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (8000, 2, 1)
        return bytes(file.readframes(file.getnframes()))
