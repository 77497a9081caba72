"""From a text to its first sound, through the real chain of engines and their real processes.

    python -m bench.synthesis                 # cache and espeak-ng; Piper and Coqui where they are

Piper speaks with the voice of `make piper`, Coqui (`make coqui`) with a VITS of full size and
random weights, which costs what a trained one does. First sound: the first piece that `stream`
gives, which is what the line is given to play. Sentences are such as a bank says.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import psutil
from rich.progress import track

from ivr.audio.format import Audio
from ivr.benchmarks.results import Cell, machine, save
from ivr.languages.spoken_values import money
from ivr.settings import PROJECT
from ivr.speech.synthesis.cache import PromptCache
from ivr.speech.synthesis.chain import EngineChain
from ivr.speech.synthesis.client import SynthesisClient
from ivr.speech.synthesis.engine import EngineFacts
from ivr.speech.synthesis.engines import python_of, service_environment
from ivr.speech.synthesis.prompt_store import PromptStore
from ivr.speech.synthesis.supervised import SynthesisProcess
from ivr.speech.synthesis.voices import default_voice

EN = default_voice("en")
FIXED = "The balance of your account is"
VOICE = PROJECT / "var" / "voices" / "en_US-joe-medium.onnx"
PROMPTS = 1000
PROMPT_MS = 3000


def sentences(count: int) -> list[str]:
    """Sentences that nobody has said before."""
    return [
        f"You have sent {money(str(731 + 7 * number), 'INR', 'en')}, and it was paid on monday."
        for number in range(count)
    ]


def p(values: list[float], percent: float) -> float:
    """A percentile, to two figures behind the point where it is below ten."""
    value = float(np.percentile(values, percent))
    return round(value, 2 if value < 10 else 0)


async def first_sounds(
    chain: EngineChain, texts: list[str], what: str
) -> tuple[list[float], float, float]:
    """Time to the first piece of each text, in ms, the sound of all, in s, and the mean of the
    first pieces."""
    times: list[float] = []
    sound_s = first_s = 0.0
    for text in track(texts, description=what, transient=True):
        asked = time.perf_counter()
        first = True
        async for audio in chain.stream(text, EN):
            if first:
                times.append((time.perf_counter() - asked) * 1000)
                first_s += audio.duration_ms / 1000
            first = False
            sound_s += audio.duration_ms / 1000
    return times, sound_s, first_s / len(texts)


def row(times: list[float], first_s: float | None, cost: float | None) -> dict[str, Cell]:
    """The figures of one kind of sentence."""
    return {
        "p50 ms": p(times, 50),
        "p95 ms": p(times, 95),
        "first piece, s of speech": None if first_s is None else round(first_s, 1),
        "CPU s per s of speech": None if cost is None else round(cost, 3),
    }


@asynccontextmanager
async def chain_of(folder: Path, *urls: str, fixed: bool = False) -> AsyncIterator[EngineChain]:
    """A chain with a cache of its own."""
    store = PromptStore(Path(tempfile.mkdtemp(dir=folder)))
    chain = EngineChain(urls, store, fixed={"en": [FIXED]} if fixed else None)
    await chain.start()
    try:
        yield chain
    finally:
        await chain.close()


async def cached(folder: Path) -> dict[str, Cell]:
    """A thousand prompts of 3 s on disk: found by a process that has just started, and again."""
    place = folder / "thousand"
    facts = EngineFacts(kind="espeak", version="bench")
    store = PromptStore(place)
    nobody = SynthesisClient("unix:/nonexistent")
    cache = PromptCache(nobody, store, facts)
    rng = np.random.default_rng(1)
    for number in range(PROMPTS):
        noise = rng.integers(-9000, 9000, 8 * PROMPT_MS).astype(np.int16)
        store.keep(cache._key(f"prompt {number}", EN), Audio.from_samples(noise))
    await store.close()
    fresh = PromptCache(nobody, PromptStore(place), facts)
    cold, warm = [], []
    for times in (cold, warm):
        for number in rng.permutation(PROMPTS)[:600]:
            asked = time.perf_counter()
            assert fresh.cached(f"prompt {number}", EN) is not None
            times.append((time.perf_counter() - asked) * 1000)
    print(
        f"a thousand prompts: p50 {np.median(cold):.3f} ms, p95 {np.percentile(cold, 95):.3f} ms "
        f"from disk; {np.percentile(warm, 95):.3f} ms from memory"
    )
    return row(cold, None, None)


async def engine(folder: Path, process: SynthesisProcess, count: int, name: str) -> dict[str, Cell]:
    """First sound of sentences that are in no cache, and what they cost."""
    async with chain_of(folder, process.url) as chain:
        await first_sounds(chain, [f"Warm up {text}" for text in sentences(3)], name)
        assert process.pid is not None
        watched = psutil.Process(process.pid)
        before = sum(watched.cpu_times()[:2])
        times, sound_s, first_s = await first_sounds(chain, sentences(count), name)
        cost = (sum(watched.cpu_times()[:2]) - before) / sound_s
    print(
        f"{name}: p50 {p(times, 50)} p95 {p(times, 95)} ms, {cost:.3f} CPU s per s of speech, "
        f"{watched.memory_info().rss >> 20} MiB"
    )
    return row(times, first_s, cost)


async def carried(folder: Path, process: SynthesisProcess, name: str) -> dict[str, Cell]:
    """First sound of sentences whose beginning was rendered before."""
    async with chain_of(folder, process.url, fixed=True) as chain:
        await chain.prerender([(f"{FIXED},", EN)])
        texts = [f"{FIXED} {money(str(331 + 7 * n), 'INR', 'en')}." for n in range(12)]
        times, _, first_s = await first_sounds(chain, texts, name)
    print(f"{name}: p50 {p(times, 50)} p95 {p(times, 95)} ms")
    return row(times, first_s, None)


async def killed(
    folder: Path, make: Callable[[], SynthesisProcess], last: SynthesisProcess
) -> list[float]:
    """How long after the kill the next engine goes on, in ms, three times: the engine is killed
    while it makes the second clause."""
    gaps = []
    for text in sentences(3):
        process = make()
        await process.start()
        async with chain_of(folder, process.url, last.url) as chain:
            # However slow the engine is: the kill is what is measured.
            pieces = chain._stream(text, EN, patience_s=30.0)
            first = await anext(pieces)
            heard_until = time.perf_counter() + first.duration_ms / 1000
            asking = asyncio.ensure_future(anext(pieces))
            await asyncio.sleep(0.05)
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            at = time.perf_counter()
            await asking
            gaps.append((time.perf_counter() - at) * 1000)
            print(
                f"killed: the rest {gaps[-1]:.0f} ms later, {(heard_until - at) * 1000:.0f} ms "
                "of the first clause still to be heard"
            )
        await process.stop()
    return gaps


async def run(folder: Path) -> tuple[dict[str, dict[str, Cell]], dict[str, str]]:
    """All rows, and the versions of the engines."""
    rows: dict[str, dict[str, Cell]] = {
        "cached: one of a thousand, from disk": await cached(folder)
    }
    versions: dict[str, str] = {}
    espeak = SynthesisProcess()
    await espeak.start()

    async def noted(process: SynthesisProcess) -> None:
        client = SynthesisClient(process.url)
        facts = await client.ping(5.0)
        await client.close()
        versions[facts.kind] = facts.version

    await noted(espeak)
    async with chain_of(folder, espeak.url) as chain:
        texts = sentences(200)
        await chain.prerender([(text, EN) for text in texts])
        times, _, first_s = await first_sounds(chain, texts, "cached")
        print(f"cached, through the chain: p50 {p(times, 50)} p95 {p(times, 95)} ms")
        rows["cached: first sound"] = row(times, first_s, None)
    rows["espeak-ng"] = await engine(folder, espeak, 300, "espeak-ng")
    for name, make, count in others(folder):
        process = make()
        await process.start()
        await noted(process)
        rows[f"{name}, by clause"] = await engine(folder, process, count, name)
        rows[f"{name}, after a fixed part"] = await carried(folder, process, f"{name}, fixed part")
        await process.stop()
        gaps = await killed(folder, make, espeak)
        rows[f"{name} killed: until espeak-ng goes on"] = row(gaps, None, None)
    await espeak.stop()
    return rows, versions


def others(folder: Path) -> Iterator[tuple[str, Callable[[], SynthesisProcess], int]]:
    """The engines that are here beside espeak-ng."""
    if VOICE.exists():
        yield "Piper (medium)", lambda: SynthesisProcess(kind="piper", models=[str(VOICE)]), 25
    if Path(python_of("coqui")).exists():
        vits = folder / "vits"
        maker = PROJECT / "tests" / "speech" / "make_vits.py"
        subprocess.run(
            [python_of("coqui"), "-W", "ignore", str(maker), str(vits), "--full"],
            check=True,
            env=service_environment(dict(os.environ)),
        )
        yield "VITS of full size", lambda: SynthesisProcess(kind="coqui", models=[str(vits)]), 12


def main() -> None:
    """Measure, print and keep it."""
    where = machine()
    with tempfile.TemporaryDirectory(prefix="ivr-bench-") as folder:
        rows, versions = asyncio.run(run(Path(folder)))
    save(
        "synthesis",
        title="From text to the first sound",
        order=40,
        text="What `stream` of the chain of engines gives first, each engine in a process of its "
        "own, on one thread. Sentences are a bank's, of two clauses and some five seconds, new to "
        "the cache. A slow engine speaks by clause; behind a fixed part that was rendered before "
        "it has that part's length to make the rest. VITS has random weights. Killed: in "
        "mid-sentence, three times; what is still heard of the first clause is not counted.",
        command="python -m bench.synthesis",
        rows=rows,
        where=where,
        versions=versions,
    )


if __name__ == "__main__":
    sys.exit(main())
