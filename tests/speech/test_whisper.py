"""faster-whisper itself, where it is installed, with a tiny model that hears nonsense; and what
happens where it or its model is missing.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ivr.audio.format import TELEPHONE
from ivr.errors import IvrError
from ivr.settings import Settings
from ivr.speech.recognition.choice import ChosenRecogniser
from ivr.speech.recognition.recogniser import RecognitionFailed
from ivr.speech.recognition.whisper import WhisperRecogniser
from tests.speech.tiny_whisper import make_tiny_whisper
from tests.speech.vosk_server_peer import sound

needs_whisper = pytest.mark.skipif(
    importlib.util.find_spec("faster_whisper") is None,
    reason="faster-whisper is not installed: pip install 'ivr[whisper]'",
)


@pytest.fixture
async def whisper(tmp_path: Path) -> AsyncIterator[WhisperRecogniser]:
    recogniser = WhisperRecogniser(make_tiny_whisper(tmp_path / "tiny"), ["en"])
    yield recogniser
    recogniser.close()


@needs_whisper
async def test_it_hears_something_with_times_and_confidences(whisper: WhisperRecogniser) -> None:
    pcm = sound("digits")
    utterance = whisper.open("en", TELEPHONE, phrases=("yes", "no"))
    for at in range(0, len(pcm), 1600):
        utterance.feed(pcm[at : at + 1600])
    heard = await utterance.finish()
    assert all(0 <= word.confidence <= 1 for word in heard.words)
    assert heard.text.split() == [part for word in heard.words for part in word.text.split()]


@needs_whisper
async def test_nothing_is_empty_and_abandoned_it_has_no_words(whisper: WhisperRecogniser) -> None:
    assert (await whisper.open("en", TELEPHONE).finish()).text == ""
    utterance = whisper.open("en", TELEPHONE)
    utterance.feed(sound("digits"))
    words = asyncio.ensure_future(utterance.finish())
    await asyncio.sleep(0)
    utterance.abandon()
    with pytest.raises(RecognitionFailed):
        await words
    with pytest.raises(RecognitionFailed):
        whisper.open("hi", TELEPHONE)


@needs_whisper
def test_a_model_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(IvrError, match=r"no model\.bin"):
        WhisperRecogniser(tmp_path, ["en"])
    (tmp_path / "model.bin").write_bytes(b"nonsense")
    with pytest.raises(IvrError, match="does not load"):
        WhisperRecogniser(tmp_path, ["en"]).load()


async def test_where_it_is_missing_the_others_hear(tmp_path: Path) -> None:
    settings = Settings(whisper_model=tmp_path, whisper_languages=("hi",))
    with capture_logs() as logs:
        recogniser = ChosenRecogniser(settings)
    assert [log["event"] for log in logs] == ["recogniser_missing"]
    assert recogniser.languages == {"en"}
    recogniser.close()
