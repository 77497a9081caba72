"""The whole way from recordings to a model that Vosk loads, with next to nothing learnt; needs the
environment that `make asr-model` makes.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ivr.settings import PROJECT
from ivr.speech.recognition.model_folder import check
from ivr.speech.recognition.vocabulary import vocabulary
from tests.speech.vosk_server_peer import DATA

PYTHON = Path(os.environ.get("IVR_ASR_PYTHON", PROJECT / ".venv-asr" / "bin" / "python"))

pytestmark = pytest.mark.skipif(
    not PYTHON.is_file(), reason="there is no environment to train in: make asr-model"
)


def training(*arguments: str | Path) -> str:
    """Run the tool; return what it printed."""
    ran = subprocess.run(
        [PYTHON, "-m", "training", *map(str, arguments)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_from_recordings_to_a_model_that_loads(tmp_path: Path) -> None:
    data, work, model = tmp_path / "data", tmp_path / "work", tmp_path / "model"
    (data / "fsdd").mkdir(parents=True)
    for digit in range(10):
        for speaker in ("anna", "theo"):
            (data / "fsdd" / f"{digit}_{speaker}_0.wav").symlink_to(DATA / "digits.wav")
    (data / "banking77").mkdir()
    sentences = "".join("What is my balance?,balance\n" for _ in range(3))
    (data / "banking77" / "train.csv").write_text("text,category\n" + sentences, encoding="utf-8")

    told = training("corpus", data, "--work", work, "--espeak", "12", "--flite", "0")
    assert "takes Free Spoken Digit Dataset" in told
    assert "lacks Asterisk core sounds" in told
    training("fit", "--work", work, "--steps", "2")
    training("export", data, "--work", work, "--to", model)
    check(model, "model")
    words = vocabulary(model)
    assert words is not None
    assert {"zero", "balance", "agent", "paise"} <= words


def test_features_are_kaldis() -> None:
    assert "the same as Kaldi's" in training("check")
