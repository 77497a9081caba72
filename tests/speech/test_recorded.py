from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import structlog

from ivr.audio.format import Audio, AudioFormat
from ivr.audio.wav import WavError, read_wav, write_wav
from ivr.errors import IvrError
from ivr.speech.synthesis.recorded import RecordedPrompts, recordings_folder


def take(path: Path, rate: int = 44100, amplitude: int = 3000) -> Path:
    at = np.arange(rate) / rate
    wave = (amplitude * np.sin(2 * np.pi * 440 * at)).astype(np.int16)
    write_wav(path, Audio.from_samples(wave, AudioFormat(rate)))
    return path


def test_a_recording_is_made_fit_and_found_by_what_it_says(tmp_path: Path) -> None:
    folder = recordings_folder(tmp_path / "bank.json")
    assert folder == tmp_path / "bank.recordings"
    before = RecordedPrompts.load(folder)
    file = before.replace("menu", "en", "Press 1, please.", take(tmp_path / "take.wav"))
    assert file == folder / "en" / "menu.wav"
    assert read_wav(file).format.rate == 8000
    for prompts in (before, RecordedPrompts.load(folder)):
        audio = prompts.get("Press one, please.", "en-IN")
        assert audio is not None
        assert audio.duration_ms == pytest.approx(1000, abs=100)
        assert prompts.get("Press one, please.", "hi") is None
        assert prompts.get("Press two, please.", "en") is None
    before.restore("menu", "en")
    assert not file.exists()
    assert before.get("Press one, please.", "en") is None
    assert RecordedPrompts.load(folder).texts == {}
    with pytest.raises(IvrError, match="no recording"):
        before.restore("menu", "en")


def test_what_cannot_be_used_is_said_and_an_engine_speaks(tmp_path: Path) -> None:
    folder = tmp_path / "bank.recordings"
    prompts = RecordedPrompts.load(folder)
    prompts.replace("menu", "en", "Hello.", take(tmp_path / "take.wav"))
    (folder / "en" / "menu.wav").write_bytes(b"RIFF")
    with structlog.testing.capture_logs() as logs:
        assert RecordedPrompts.load(folder).get("Hello.", "en") is None
    assert [entry["event"] for entry in logs] == ["recording_not_used"]


@pytest.mark.parametrize("index", ["[]", "{", json.dumps({"a": 1})])
def test_a_broken_index_is_one_sentence(tmp_path: Path, index: str) -> None:
    (tmp_path / "recordings.json").write_text(index)
    with pytest.raises(IvrError, match=r"recordings\.json"):
        RecordedPrompts.load(tmp_path)


def test_silence_and_stereo_are_refused(tmp_path: Path) -> None:
    prompts = RecordedPrompts.load(tmp_path / "r")
    with pytest.raises(WavError, match="silent"):
        prompts.replace("menu", "en", "Hello.", take(tmp_path / "take.wav", amplitude=0))
    with pytest.raises(WavError, match="cannot be read"):
        prompts.replace("menu", "en", "Hello.", tmp_path / "none.wav")
    assert prompts.texts == {}
