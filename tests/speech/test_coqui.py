"""Coqui for real, in its own environment (`make coqui`), with a tiny random VITS made here."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import structlog

from ivr.settings import PROJECT
from ivr.speech.synthesis.chain import EngineChain
from ivr.speech.synthesis.client import SynthesisClient
from ivr.speech.synthesis.engines import service_environment
from ivr.speech.synthesis.prompt_store import PromptStore
from ivr.speech.synthesis.sound import LEVEL_DBFS
from ivr.speech.synthesis.supervised import SynthesisProcess
from ivr.speech.synthesis.synthesiser import NotSpoken, Voice

PYTHON = PROJECT / ".venv-coqui" / "bin" / "python"
SENTENCE = "Your balance is one thousand rupees, and it was paid on monday."
EN = Voice(language="en", rate=150)

pytestmark = [
    pytest.mark.skipif(not PYTHON.exists(), reason="Coqui is not there: make coqui"),
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="session")
def vits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny VITS that speaks noise, in English."""
    folder = tmp_path_factory.mktemp("vits")
    command = [
        str(PYTHON),
        "-W",
        "ignore",
        str(Path(__file__).with_name("make_vits.py")),
        str(folder),
    ]
    subprocess.run(command, check=True, env=service_environment(dict(os.environ)))
    return folder


@pytest.fixture
async def coqui(vits: Path) -> AsyncIterator[SynthesisProcess]:
    process = SynthesisProcess(kind="coqui", models=[str(vits)])
    await process.start()
    yield process
    await process.stop()


@pytest.fixture
async def speech(
    coqui: SynthesisProcess, synthesis: SynthesisProcess, tmp_path: Path
) -> AsyncIterator[EngineChain]:
    """Coqui, and espeak-ng behind it."""
    chain = EngineChain([coqui.url, synthesis.url], PromptStore(tmp_path / "prompts"))
    await chain.start()
    yield chain
    await chain.close()


async def spoken(process: SynthesisProcess) -> int:
    """How many texts it has made."""
    client = SynthesisClient(process.url)
    header, _ = await client._ask({"op": "ping"}, 5.0)
    await client.close()
    return int(header["spoken"])


async def test_a_real_model_is_loaded_and_fit_for_the_telephone(coqui: SynthesisProcess) -> None:
    client = SynthesisClient(coqui.url, timeout_s=30.0)
    facts = await client.ping(5.0)
    assert facts.kind == "coqui"
    assert facts.by_clause
    assert list(facts.models) == ["en"]
    audio = await client.synthesise("Good morning to you.", EN)
    wave = audio.samples / 32768.0
    loud = np.flatnonzero(np.abs(wave) > 0.01)
    assert loud[0] < 8000 * 0.05
    # VITS appends 450 ms of silence.
    assert wave.size - loud[-1] < 8000 * 0.1
    level = 20 * np.log10(np.sqrt(np.mean(wave[loud[0] : loud[-1]] ** 2)))
    assert level == pytest.approx(LEVEL_DBFS, abs=3)
    await client.close()


async def test_rate_pitch_and_language_are_heeded(coqui: SynthesisProcess) -> None:
    client = SynthesisClient(coqui.url, timeout_s=30.0)
    usual = await client.synthesise("one two three", EN)
    slower = await client.synthesise("one two three", Voice(language="en", rate=100))
    higher = await client.synthesise("one two three", Voice(language="en", rate=150, pitch=80))
    assert slower.duration_ms > usual.duration_ms * 1.3
    assert higher.duration_ms == pytest.approx(usual.duration_ms, rel=0.1)
    for other in (Voice(language="hi"), Voice(language="en", names=(("coqui", "nobody"),))):
        with pytest.raises(NotSpoken):
            await client.synthesise("one two three", other)
    assert (await client.synthesise("?!", EN)).pcm == b""
    assert (await client.synthesise("नमस्ते", EN)).duration_ms < 1000
    await client.close()


async def test_the_first_clause_arrives_before_the_second_is_synthesised(
    coqui: SynthesisProcess, speech: EngineChain
) -> None:
    before = await spoken(coqui)
    pieces = speech.stream(SENTENCE, EN)
    first = await anext(pieces)
    assert await spoken(coqui) == before + 1
    assert first.duration_ms > 500
    rest = [audio async for audio in pieces]
    assert await spoken(coqui) == before + 2
    assert len(rest) == 1


async def test_killed_in_mid_sentence_the_rest_comes_from_the_next_engine(
    coqui: SynthesisProcess, speech: EngineChain
) -> None:
    pieces = speech.stream(SENTENCE, EN)
    first = await anext(pieces)
    assert coqui.pid is not None
    with structlog.testing.capture_logs() as logs:
        os.kill(coqui.pid, signal.SIGKILL)
        killed = time.monotonic()
        rest = [audio async for audio in pieces]
        took_s = time.monotonic() - killed
    assert sum(audio.duration_ms for audio in rest) > 1000
    assert [entry["event"] for entry in logs] == ["synthesis_engine_away"]
    # Silence begins when the first clause has been heard; with it still to be heard, there is none.
    print(f"the rest came {took_s * 1000:.0f} ms after the kill")
    assert took_s < first.duration_ms / 1000 + 0.5


async def test_frozen_in_mid_sentence_the_rest_comes_from_the_next_engine(
    coqui: SynthesisProcess, speech: EngineChain
) -> None:
    pieces = speech.stream(SENTENCE, EN)
    await anext(pieces)
    assert coqui.pid is not None
    os.kill(coqui.pid, signal.SIGSTOP)
    rest = [audio async for audio in pieces]
    assert sum(audio.duration_ms for audio in rest) > 1000
    os.kill(coqui.pid, signal.SIGCONT)
    async with asyncio.timeout(20):
        while speech._engines[0].resting:
            await asyncio.sleep(0.05)
    before = await spoken(coqui)
    assert [audio async for audio in speech.stream("Good evening to you.", EN)]
    assert await spoken(coqui) == before + 1


async def test_a_model_that_is_broken_is_one_sentence(vits: Path, tmp_path: Path) -> None:
    (tmp_path / "model.pth").write_bytes(b"no model")
    (tmp_path / "config.json").write_bytes((vits / "config.json").read_bytes())
    process = SynthesisProcess(kind="coqui", models=[f"en={tmp_path}"])
    with pytest.raises(Exception, match=r"The Coqui model .* cannot be loaded") as failure:
        await process.start()
    assert len(str(failure.value).splitlines()) == 1
    await process.stop()
