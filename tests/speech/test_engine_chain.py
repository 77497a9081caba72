"""Engines in order, for real: the same espeak-ng behind several services stands for them all."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog

from ivr.audio.format import Audio
from ivr.audio.wav import write_wav
from ivr.speech.synthesis.chain import EngineChain
from ivr.speech.synthesis.engine import EngineFacts, primary
from ivr.speech.synthesis.prompt_store import PromptStore
from ivr.speech.synthesis.recorded import RecordedPrompts
from ivr.speech.synthesis.service import SynthesisService
from ivr.speech.synthesis.supervised import SynthesisProcess
from ivr.speech.synthesis.synthesiser import NotSpoken, SynthesisFailed, Voice
from ivr.speech.synthesis.voices import default_voice
from tests.speech.slow_engine import SlowEngine

EN = default_voice("en")
SENTENCE = "Your balance is one thousand rupees, and it was paid on monday."


class Slow:
    """A service of its own, in this process, whose engine speaks by clause and when it is let."""

    def __init__(self, folder: Path) -> None:
        self.engine = SlowEngine()
        self.url = f"unix:{folder}/slow"
        self._stop = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._stop.clear()
        service = SynthesisService(self.engine)
        self._serving = asyncio.create_task(service.serve(self.url, self._stop))
        await asyncio.sleep(0.05)

    async def die(self) -> None:
        """End as a process does that is killed: its connections break."""
        self.engine.let_go()
        self._stop.set()
        assert self._serving is not None
        await self._serving


@pytest.fixture
async def slow(tmp_path: Path) -> AsyncIterator[Slow]:
    service = Slow(tmp_path)
    await service.start()
    yield service
    await service.die()


@pytest.fixture
async def store(tmp_path: Path) -> PromptStore:
    return PromptStore(tmp_path / "prompts")


async def chain_of(store: PromptStore, *urls: str, **options: object) -> EngineChain:
    chain = EngineChain(urls, store, **options)  # type: ignore[arg-type]
    await chain.start()
    return chain


async def all_of(chain: EngineChain, text: str, voice: Voice = EN) -> list[Audio]:
    return [audio async for audio in chain.stream(text, voice)]


async def test_the_first_clause_is_there_before_the_second_is_made(
    slow: Slow, store: PromptStore
) -> None:
    chain = await chain_of(store, slow.url)
    slow.engine.hold_after(1)
    pieces = chain.stream(SENTENCE, EN)
    first = await anext(pieces)
    assert first.duration_ms > 0
    assert slow.engine.texts == ["Your balance is one thousand rupees,"]
    slow.engine.let_go()
    assert (await anext(pieces)).duration_ms > 0
    assert slow.engine.texts[1:] == ["and it was paid on monday."]
    await chain.close()


async def test_killed_in_mid_sentence_the_next_engine_says_the_rest(
    slow: Slow, store: PromptStore, synthesis: SynthesisProcess
) -> None:
    chain = await chain_of(store, slow.url, synthesis.url)
    slow.engine.hold_after(1)
    with structlog.testing.capture_logs() as logs:
        pieces = chain.stream(SENTENCE, EN)
        first = await anext(pieces)
        asking = asyncio.ensure_future(anext(pieces))
        await asyncio.sleep(0.05)
        await slow.die()
        rest = await asking
        assert [audio async for audio in pieces] == []
    assert first == slow.engine.sound("Your balance is one thousand rupees,")
    direct = await chain_of(store, synthesis.url)
    spoken = await direct.synthesise("and it was paid on monday.", EN)
    assert rest.duration_ms == pytest.approx(spoken.duration_ms, rel=0.05)
    away = [entry for entry in logs if entry["event"] == "synthesis_engine_away"]
    assert len(away) == 1
    assert "slow engine" in away[0]["engine"]
    await chain.close()


async def test_an_engine_that_is_back_speaks_again_and_catches_up(
    slow: Slow, store: PromptStore, synthesis: SynthesisProcess
) -> None:
    await slow.die()
    with structlog.testing.capture_logs() as logs:
        chain = await chain_of(store, slow.url, synthesis.url)
        assert await chain.prerender([("Good morning to you.", EN)]) == 0
        assert await all_of(chain, "Good morning to you.")
        assert [entry["event"] for entry in logs] == ["synthesis_engine_away"]
        await slow.start()
        async with asyncio.timeout(20):
            while not slow.engine.texts:
                await asyncio.sleep(0.02)
    assert slow.engine.texts == ["Good morning to you."]
    assert [entry["event"] for entry in logs][-1] == "synthesis_engine_back"
    assert await all_of(chain, "Good morning to you.") == [
        slow.engine.sound("Good morning to you.")
    ]
    await chain.close()


async def test_a_frozen_engine_is_left_for_the_next(
    slow: Slow, store: PromptStore, synthesis: SynthesisProcess
) -> None:
    frozen = SynthesisProcess()
    await frozen.start()
    assert frozen.pid is not None
    chain = await chain_of(store, frozen.url, slow.url)
    os.kill(frozen.pid, signal.SIGSTOP)
    assert await all_of(chain, "Hello to you all.") == [slow.engine.sound("Hello to you all.")]
    # It rests: nobody waits for it again.
    assert await all_of(chain, "Another sentence.") == [slow.engine.sound("Another sentence.")]
    await chain.close()
    await frozen.stop()


async def test_a_slow_engine_is_not_waited_for_when_another_could_speak(
    slow: Slow, store: PromptStore, synthesis: SynthesisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.speech.synthesis.chain.PATIENCE_S", 0.2)
    chain = await chain_of(store, slow.url, synthesis.url)
    slow.engine.hold_after(0)
    with structlog.testing.capture_logs() as logs:
        (audio,) = await all_of(chain, "Hello to you all.")
    assert audio.duration_ms > 500
    assert [entry["event"] for entry in logs] == ["synthesis_engine_slow"]
    # What it was asked for is made all the same, and is there the next time.
    slow.engine.let_go()
    async with asyncio.timeout(10):
        while await all_of(chain, "Hello to you all.") != [slow.engine.sound("Hello to you all.")]:
            await asyncio.sleep(0.05)
    await chain.close()


async def test_an_engine_that_lacks_the_language_is_passed_over_and_stays_well(
    slow: Slow, store: PromptStore, synthesis: SynthesisProcess
) -> None:
    chain = await chain_of(store, slow.url, synthesis.url)
    with structlog.testing.capture_logs() as logs:
        assert (await chain.synthesise("नमस्ते", default_voice("hi"))).duration_ms > 200
        english = await all_of(chain, "Hello to you all.")
    assert english == [slow.engine.sound("Hello to you all.")]
    assert logs == []
    await chain.close()


async def test_no_engine_at_all_is_said_once_and_raised_each_time(
    store: PromptStore, tmp_path: Path
) -> None:
    with structlog.testing.capture_logs() as logs:
        chain = await chain_of(store, f"unix:{tmp_path}/nobody")
        for _ in range(3):
            with pytest.raises(SynthesisFailed, match="cannot be reached"):
                await all_of(chain, "Hello to you all.")
    assert [entry["event"] for entry in logs] == ["synthesis_engine_away"]
    await chain.close()


async def test_nobody_speaks_the_language(slow: Slow, store: PromptStore) -> None:
    chain = await chain_of(store, slow.url)
    with pytest.raises(NotSpoken, match="'hi'"):
        await all_of(chain, "नमस्ते", default_voice("hi"))
    await chain.close()


async def test_rendering_lets_callers_go_first(slow: Slow, store: PromptStore) -> None:
    chain = await chain_of(store, slow.url)
    slow.engine.hold_after(1)
    pieces = chain.stream(SENTENCE, EN)
    await anext(pieces)
    rendering = asyncio.create_task(chain.prerender([("Good morning to you.", EN)]))
    asking = asyncio.ensure_future(anext(pieces))
    await asyncio.sleep(0.05)
    slow.engine.let_go()
    await asking
    assert "Good morning to you." not in slow.engine.texts
    assert [audio async for audio in pieces] == []
    assert await rendering == 0
    assert slow.engine.texts[-1] == "Good morning to you."
    await chain.close()


async def test_fixed_parts_come_from_the_cache(slow: Slow, store: PromptStore) -> None:
    chain = await chain_of(store, slow.url, fixed={"en": ["The balance of your account is"]})
    await chain.prerender([("The balance of your account is,", EN)])
    for amount in ("one rupee.", "two rupees."):
        pieces = await all_of(chain, f"The balance of your account is {amount}")
        assert pieces[0] == slow.engine.sound("The balance of your account is,")
    assert slow.engine.texts == ["The balance of your account is,", "one rupee.", "two rupees."]
    await chain.close()


async def test_cached_prompts_of_an_engine_are_found_while_it_is_away(
    slow: Slow, store: PromptStore, tmp_path: Path
) -> None:
    before = await chain_of(store, slow.url)
    said = await all_of(before, "Good morning to you.")
    await before.close()
    await slow.die()
    after = await chain_of(PromptStore(tmp_path / "prompts"), slow.url)
    assert after.cached("Good morning to you.", EN) == said[0]
    assert await all_of(after, "Good morning to you.") == said
    await after.close()


async def test_a_recording_goes_before_any_engine(
    slow: Slow, store: PromptStore, synthesis: SynthesisProcess, tmp_path: Path
) -> None:
    spoken = SlowEngine().sound("something else altogether")
    write_wav(tmp_path / "take.wav", spoken)
    recorded = RecordedPrompts.load(tmp_path / "bank.recordings")
    recorded.replace("hello", "en", "Hello to you all.", tmp_path / "take.wav")
    recorded.replace("balance.1", "en", "The balance of your account is", tmp_path / "take.wav")
    fixed = {"en": ["The balance of your account is"]}
    for url in (slow.url, synthesis.url):
        again = RecordedPrompts.load(tmp_path / "bank.recordings")
        chain = await chain_of(store, url, recorded=again, fixed=fixed)
        (human,) = await all_of(chain, "Hello to you all.")
        assert human.duration_ms == pytest.approx(spoken.duration_ms, abs=60)
        first, amount = await all_of(chain, "The balance of your account is ₹5.")
        assert first == human
        assert amount.duration_ms > 100
    assert slow.engine.texts == ["five rupees."]
    await chain.close()


@pytest.mark.parametrize(
    ("code", "language"), [("en-IN", "en"), ("en_US", "en"), ("hi", "hi"), ("EN", "en")]
)
def test_a_region_is_no_other_language(code: str, language: str) -> None:
    assert primary(code) == language
    assert EngineFacts(kind="x", version="1", models={"en": "m"}).speaks(code) == (language == "en")
