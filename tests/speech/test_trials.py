"""Counting what was heard wrong, and hearing a manifest as `ivrctl asr test` does."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.audio.wav import write_wav
from ivr.errors import IvrError
from ivr.speech.recognition.vosk import VoskRecogniser
from ivr.speech.synthesis.client import SynthesisClient
from ivr.speech.synthesis.voices import default_voice
from ivr.speech.trials.conditions import CONDITIONS, under
from ivr.speech.trials.manifest import read_manifest
from ivr.speech.trials.score import Score, word_errors
from ivr.speech.trials.trial import tried
from tests.cli.running import ivrctl
from tests.speech.conftest import MODEL

words = st.lists(st.sampled_from("one two three four".split()), max_size=8)


@given(words, words)
def test_word_errors_are_a_distance(said: list[str], heard: list[str]) -> None:
    errors = word_errors(said, heard)
    assert errors == word_errors(heard, said)
    assert (errors == 0) == (said == heard)
    assert abs(len(said) - len(heard)) <= errors <= max(len(said), len(heard))


def test_word_errors_of_known_cases() -> None:
    assert word_errors("check my balance".split(), "check the balance".split()) == 1
    assert word_errors("one two three".split(), "one three".split()) == 1
    assert word_errors("one".split(), "one oh one".split()) == 2


def test_a_score_counts_digits_and_strings_apart() -> None:
    score = Score()
    facts = {"only_digits": True, "seconds": 1.0, "final_ms": 5.0}
    score.add(["one"], ["one"], **facts)  # type: ignore[arg-type]
    score.add(["nine"], ["five"], **facts)  # type: ignore[arg-type]
    score.add(["one", "two"], ["one", "two"], **facts)  # type: ignore[arg-type]
    score.add(["hello"], [], only_digits=False, seconds=1.0, final_ms=15.0)
    found = score.as_json()
    assert (found["digits"], found["digits_right"]) == (2, 0.5)
    assert (found["strings"], found["strings_right"]) == (1, 1.0)
    assert found["word_error_rate"] == pytest.approx(2 / 5)
    assert found["final_p50_ms"] == 5.0


def test_a_score_of_nothing_says_so() -> None:
    assert Score().as_json()["core_per_speaker"] is None


def test_conditions_do_what_they_say_and_the_same_each_time() -> None:
    tone = (8000 * np.sin(np.arange(16000) / 5)).astype(np.int16)
    for name in CONDITIONS:
        assert np.array_equal(under(name, tone, 3), under(name, tone, 3))
    assert np.array_equal(under("clean", tone, 0), tone)
    for decibels in (20, 10):
        noise = under(f"noise {decibels} dB", tone, 0) - tone.astype(float)
        measured = 10 * np.log10((tone.astype(float) ** 2).mean() / (noise**2).mean())
        assert measured == pytest.approx(decibels, abs=0.5)
    lost = under("loss 2 %", np.tile(tone, 10), 0).reshape(-1, 160)
    assert 0.005 < (lost == 0).all(1).mean() < 0.04


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("file,text\na.wav,one\n", 1, "no column transcript"),
        ("file,transcript\nmissing.wav,one\n", 2, "there is no file"),
        ('file,transcript\n"a.wav" b,one\n', 2, "no CSV"),
    ],
)
def test_what_is_wrong_in_a_manifest_is_named(
    tmp_path: Path, text: str, line: int, why: str
) -> None:
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(text, encoding="utf-8")
    with pytest.raises(IvrError, match=why) as error:
        read_manifest(manifest)
    assert f"{manifest}:{line}:" in str(error.value)


async def spoken(client: SynthesisClient, folder: Path, texts: dict[str, str]) -> Path:
    """Write a manifest of `texts` (file name to words), spoken by a synthetic voice."""
    rows = ["file,transcript,phrases"]
    for name, text in texts.items():
        audio = await client.synthesise(text, default_voice("en"))
        write_wav(folder / name, audio)
        rows.append(f"{name},{text},{'yes;no' if text == 'yes' else ''}")
    manifest = folder / "manifest.csv"
    manifest.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return manifest


TEXTS = {"a.wav": "four", "b.wav": "seven two five", "c.wav": "check my balance", "d.wav": "yes"}


async def test_a_manifest_is_heard_narrowed_to_what_was_asked(
    recogniser: VoskRecogniser, client: SynthesisClient, tmp_path: Path
) -> None:
    manifest = await spoken(client, tmp_path, TEXTS)
    heard: dict[str, str] = {}
    scores = await tried(
        recogniser,
        read_manifest(manifest),
        ["clean"],
        on_heard=lambda recorded, _, text: heard.update({recorded.file.name: text}),
    )
    assert heard == TEXTS
    found = scores["en"]["clean"].as_json()
    assert (found["digits"], found["strings"], found["recordings"]) == (1, 1, 4)
    assert found["word_error_rate"] == 0


async def test_the_command_prints_one_document(client: SynthesisClient, tmp_path: Path) -> None:
    manifest = await spoken(client, tmp_path, {"b.wav": "seven two five"})
    arguments = ["asr", "test", str(manifest), "--model", str(MODEL), "--json"]
    ran = ivrctl(tmp_path, *arguments, "--condition", "g711", "--condition", "loss 2 %")
    assert ran.status == 0, ran.err
    found = json.loads(ran.out)
    assert set(found["en"]) == {"g711", "loss 2 %"}
    assert found["en"]["g711"]["strings_right"] == 1.0


def test_a_manifest_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_text("hello\n", encoding="utf-8")
    ran = ivrctl(tmp_path, "asr", "test", "notes.csv")
    assert "no column file or transcript" in ran.sentence
