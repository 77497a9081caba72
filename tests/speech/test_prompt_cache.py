from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import structlog

from ivr.audio.format import Audio
from ivr.speech.synthesis.cache import PromptCache
from ivr.speech.synthesis.engine import EngineFacts
from ivr.speech.synthesis.prompt_files import PromptFiles
from ivr.speech.synthesis.prompt_store import MEMORY_BYTES, PromptStore
from ivr.speech.synthesis.synthesiser import Synthesiser, SynthesisFailed, Voice
from ivr.speech.synthesis.voices import default_voice

EN = default_voice("en")
HEAD = 45


class Counting:
    """A synthesiser whose sounds tell the text they are of, and which counts."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.failing = False
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.closed = False

    async def synthesise(self, text: str, voice: Voice) -> Audio:
        self.made.append(text)
        await self.go_on.wait()
        if self.failing:
            raise SynthesisFailed("It is away.")
        return sound(text)

    async def close(self) -> None:
        self.closed = True


class Cache(PromptCache):
    """A cache that closes its store as well."""

    def __init__(self, inner: Synthesiser, store: PromptStore, facts: EngineFacts) -> None:
        super().__init__(inner, store, facts)
        self.store = store

    async def close(self) -> None:
        await super().close()
        await self.store.close()


def sound(text: str) -> Audio:
    return Audio(text.encode("utf-16-le") * 100)


@pytest.fixture
def inner() -> Counting:
    return Counting()


Maker = Callable[..., Cache]


@pytest.fixture
async def cache_of(inner: Counting, tmp_path: Path) -> AsyncIterator[Maker]:
    made: list[Cache] = []

    def make(
        max_bytes: int = 1_000_000, *, memory_bytes: int = MEMORY_BYTES, engine: str = "engine"
    ) -> Cache:
        store = PromptStore(tmp_path / "prompts", max_bytes, memory_bytes=memory_bytes)
        made.append(Cache(inner, store, EngineFacts(kind="espeak", version=engine)))
        return made[-1]

    yield make
    for cache in made:
        await cache.close()


async def test_what_was_said_once_is_not_made_twice(cache_of: Maker, inner: Counting) -> None:
    cache = cache_of()
    assert cache.cached("hello", EN) is None
    assert await cache.synthesise("hello", EN) == sound("hello")
    assert await cache.synthesise("hello", EN) == sound("hello")
    assert cache.cached("hello", EN) == sound("hello")
    assert inner.made == ["hello"]


async def test_it_survives_a_restart(cache_of: Maker, inner: Counting) -> None:
    before = cache_of()
    await before.synthesise("hello", EN)
    await before.close()
    inner.failing = True
    assert cache_of().cached("hello", EN) == sound("hello")
    assert await cache_of().synthesise("hello", EN) == sound("hello")
    assert inner.made == ["hello"]


@pytest.mark.parametrize(
    "other",
    [
        Voice(language="hi", rate=150),
        Voice(language="en", rate=160),
        Voice(language="en", rate=150, pitch=51),
        Voice(language="en", rate=150, names=(("espeak", "en-us+f2"),)),
    ],
)
async def test_another_voice_is_another_prompt(
    cache_of: Maker, inner: Counting, other: Voice
) -> None:
    cache = cache_of()
    await cache.synthesise("hello", EN)
    assert cache.cached("hello", other) is None


async def test_another_engine_is_another_prompt(cache_of: Maker) -> None:
    old = cache_of(engine="engine 1")
    await old.synthesise("hello", EN)
    await old.close()
    assert cache_of(engine="engine 2").cached("hello", EN) is None
    assert cache_of(engine="engine 1").cached("hello", EN) is not None


async def test_the_same_text_asked_by_many_is_made_once(cache_of: Maker, inner: Counting) -> None:
    cache = cache_of()
    inner.go_on.clear()
    asking = [asyncio.ensure_future(cache.synthesise("hello", EN)) for _ in range(20)]
    await asyncio.sleep(0)
    asking[0].cancel()
    inner.go_on.set()
    results = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert results[1:] == [sound("hello")] * 19
    assert inner.made == ["hello"]


async def test_a_failure_reaches_everybody_and_is_not_kept(
    cache_of: Maker, inner: Counting
) -> None:
    cache = cache_of()
    inner.failing = True
    results = await asyncio.gather(
        *(cache.synthesise("hello", EN) for _ in range(3)), return_exceptions=True
    )
    assert all(isinstance(result, SynthesisFailed) for result in results)
    inner.failing = False
    assert await cache.synthesise("hello", EN) == sound("hello")


async def test_a_failure_that_nobody_waits_for_is_quiet(cache_of: Maker, inner: Counting) -> None:
    cache = cache_of()
    inner.failing = True
    inner.go_on.clear()
    asking = asyncio.ensure_future(cache.synthesise("hello", EN))
    await asyncio.sleep(0.01)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    inner.go_on.set()
    await cache.close()


@pytest.mark.parametrize("at", [0, 20, HEAD, -1])
async def test_a_damaged_file_is_noticed_and_made_again(
    cache_of: Maker, inner: Counting, tmp_path: Path, at: int
) -> None:
    before = cache_of()
    await before.synthesise("hello", EN)
    await before.close()
    [file] = (tmp_path / "prompts").iterdir()
    raw = bytearray(file.read_bytes())
    raw[at] ^= 1
    file.write_bytes(raw)
    after = cache_of()
    assert after.cached("hello", EN) is None
    assert await after.synthesise("hello", EN) == sound("hello")
    await after.close()
    assert cache_of().cached("hello", EN) == sound("hello")
    assert inner.made == ["hello", "hello"]


@pytest.mark.parametrize("length", [0, 10, HEAD, HEAD + 1])
async def test_a_file_cut_short_is_noticed(cache_of: Maker, tmp_path: Path, length: int) -> None:
    before = cache_of()
    await before.synthesise("hello", EN)
    await before.close()
    [file] = (tmp_path / "prompts").iterdir()
    file.write_bytes(file.read_bytes()[:length])
    assert cache_of().cached("hello", EN) is None


async def test_memory_and_disk_are_bounded_and_the_oldest_goes_first(
    cache_of: Maker, inner: Counting, tmp_path: Path
) -> None:
    size = len(sound("text 00").pcm) + HEAD
    cache = cache_of(size * 10, memory_bytes=3 * size)
    for number in range(30):
        await cache.synthesise(f"text {number:02}", EN)
    assert cache.store._memory_size <= 3 * size
    assert len(cache.store._memory) <= 3
    await cache.close()
    files = list((tmp_path / "prompts").iterdir())
    assert 8 <= len(files) <= 10
    assert sum(file.stat().st_size for file in files) <= size * 10
    after = cache_of()
    assert after.cached("text 29", EN) == sound("text 29")
    assert after.cached("text 00", EN) is None


def test_two_who_write_into_one_folder_keep_the_bound(tmp_path: Path) -> None:
    bound = 40 * (100 + HEAD)
    one, other = PromptFiles(tmp_path, bound), PromptFiles(tmp_path, bound)
    for number in range(100):
        for files, name in ((one, "one"), (other, "other")):
            files.write(f"{name}{number}", Audio(bytes(100)))
            size = sum(file.stat().st_size for file in tmp_path.iterdir())
            assert size <= bound * 1.2


def test_what_is_used_is_kept_longest(tmp_path: Path) -> None:
    files = PromptFiles(tmp_path, 10 * (100 + HEAD))
    for number in range(10):
        files.write(f"key{number}", Audio(bytes(100)))
        os.utime(tmp_path / f"key{number}.prompt", (number, number))
    assert files.read("key0") is not None
    files.write("key10", Audio(bytes(100)))
    assert files.read("key0") is not None
    assert files.read("key1") is None


def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path) -> None:
    old, new = tmp_path / "a.unfinished", tmp_path / "b.unfinished"
    old.write_bytes(b"x")
    new.write_bytes(b"x")
    os.utime(old, (0, 0))
    PromptFiles(tmp_path, 1000).write("key", Audio(b"\0\0"))
    assert not old.exists()
    assert new.exists()


async def test_a_full_disk_is_told_once_and_calls_go_on(
    cache_of: Maker, inner: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    cache = cache_of()
    with structlog.testing.capture_logs() as logs:
        for number in range(5):
            await cache.synthesise(f"text {number}", EN)
        await cache.close()
    assert [entry["event"] for entry in logs] == ["prompts_not_kept"]
    assert list((tmp_path / "prompts").iterdir()) == []


async def test_a_place_that_cannot_be_a_folder_is_lived_with(
    inner: Counting, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    store = PromptStore(tmp_path / "file" / "prompts")
    cache = Cache(inner, store, EngineFacts(kind="espeak", version="engine"))
    assert cache.cached("hello", EN) is None
    assert await cache.synthesise("hello", EN) == sound("hello")
    assert cache.cached("hello", EN) == sound("hello")
    await cache.close()


async def test_closing_stops_what_is_being_made_and_closes_inner(
    cache_of: Maker, inner: Counting
) -> None:
    cache = cache_of()
    inner.go_on.clear()
    asking = asyncio.ensure_future(cache.synthesise("hello", EN))
    await asyncio.sleep(0.01)
    await cache.close()
    assert isinstance((await asyncio.gather(asking, return_exceptions=True))[0], BaseException)
    assert inner.closed
