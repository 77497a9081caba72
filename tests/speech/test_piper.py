"""Piper for real, with the voice that `make piper` puts into var/voices."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ivr.audio.format import TELEPHONE
from ivr.errors import IvrError
from ivr.settings import PROJECT
from ivr.speech.recognition.vosk import VoskRecogniser
from ivr.speech.synthesis.client import SynthesisClient
from ivr.speech.synthesis.supervised import SynthesisProcess
from ivr.speech.synthesis.synthesiser import NotSpoken, Voice

VOICE = PROJECT / "var" / "voices" / "en_US-joe-medium.onnx"
EN = Voice(language="en", rate=150)
DIGITS = "zero one two three four five six seven eight nine"

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("piper") is None or not VOICE.exists(),
    reason="Piper and its voice are not there: make piper",
)


@pytest.fixture
async def piper() -> AsyncIterator[SynthesisClient]:
    process = SynthesisProcess(kind="piper", models=[str(VOICE)])
    await process.start()
    client = SynthesisClient(process.url, timeout_s=30.0)
    yield client
    await client.close()
    await process.stop()


async def test_what_it_says_is_understood(
    piper: SynthesisClient, recogniser: VoskRecogniser
) -> None:
    facts = await piper.ping(5.0)
    assert (facts.kind, list(facts.models), facts.by_clause) == ("piper", ["en"], True)
    # The bundled model hears digits from anybody, and sentences from few.
    said = "four four seven one two three"
    audio = await piper.synthesise(said, EN)
    utterance = recogniser.open("en", TELEPHONE, phrases=[DIGITS])
    utterance.feed(bytes(3200) + audio.pcm + bytes(4800))
    heard = (await utterance.finish()).text.split()
    assert sum(one == other for one, other in zip(heard, said.split(), strict=False)) >= 5


async def test_rate_pitch_and_voice_are_heeded(piper: SynthesisClient) -> None:
    usual = await piper.synthesise("one two three four five", EN)
    slower = await piper.synthesise("one two three four five", Voice(language="en", rate=100))
    higher = await piper.synthesise(
        "one two three four five", Voice(language="en", rate=150, pitch=90)
    )
    assert slower.duration_ms > usual.duration_ms * 1.2
    assert higher.duration_ms == pytest.approx(usual.duration_ms, rel=0.2)
    named = Voice(language="en", names=(("piper", "en_US-joe-medium"),))
    assert (await piper.synthesise("hello", named)).duration_ms > 200
    for name in ("nobody", "#nobody"):
        with pytest.raises(NotSpoken):
            await piper.synthesise("hello", Voice(language="en", names=(("piper", name),)))
    with pytest.raises(NotSpoken):
        await piper.synthesise("नमस्ते", Voice(language="hi"))


async def test_a_voice_that_is_broken_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "voice.onnx").write_bytes(b"no voice")
    process = SynthesisProcess(kind="piper", models=[str(tmp_path / "voice.onnx")])
    with pytest.raises(IvrError, match=r"The Piper voice .* cannot be loaded") as failure:
        await process.start()
    assert len(str(failure.value).splitlines()) == 1
    await process.stop()
