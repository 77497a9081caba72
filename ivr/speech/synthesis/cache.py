"""The prompt cache: what has been said once is not made twice, also after a restart.

In memory first, then on disk, then made. However many calls ask for the same text at once, it
is made once.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import unicodedata
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog

from ivr.audio.format import Audio
from ivr.speech.synthesis.prompt_files import PromptFiles
from ivr.speech.synthesis.synthesiser import Synthesiser, SynthesisFailed, Voice
from ivr.speech.synthesis.voices import engine_version

MAX_BYTES = 256 * 1024 * 1024
"""On disk: four and a half hours of prompts."""

MEMORY_BYTES = 32 * 1024 * 1024
"""In memory: half an hour of prompts."""

_AT_ONCE = 4
_log = structlog.get_logger(__name__)


class PromptCache:
    """A `Synthesiser` before `inner` that keeps what it made in `folder`.

    `engine` names the engine, its version and what is done to its sound: prompts of another
    one are never used.
    """

    def __init__(
        self,
        inner: Synthesiser,
        folder: Path,
        max_bytes: int = MAX_BYTES,
        *,
        memory_bytes: int = MEMORY_BYTES,
        engine: str | None = None,
    ) -> None:
        self._inner = inner
        self._engine = engine_version() if engine is None else engine
        self._files = PromptFiles(folder, max_bytes)
        self._memory: OrderedDict[str, Audio] = OrderedDict()
        self._memory_size = 0
        self._memory_bytes = memory_bytes
        self._making: dict[str, asyncio.Task[Audio]] = {}
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="prompts")

    async def synthesise(self, text: str, voice: Voice) -> Audio:
        """See `Synthesiser.synthesise`."""
        key = self._key(text, voice)
        audio = self._remembered(key)
        if audio is not None:
            return audio
        making = self._making.get(key)
        if making is None:
            making = self._making[key] = asyncio.create_task(self._make(key, text, voice))
            making.add_done_callback(lambda task: self._made(key, task))
        # Shielded: whoever else waits for the same text must not lose it to one barge-in.
        return await asyncio.shield(making)

    def cached(self, text: str, voice: Voice) -> Audio | None:
        """Return the sound if it is in memory or on disk; None if it would have to be made.

        Takes less than a millisecond from a local disk.
        """
        key = self._key(text, voice)
        audio = self._remembered(key)
        if audio is None:
            audio = self._files.read(key)
            if audio is not None:
                self._remember(key, audio)
        return audio

    async def prerender(self, wanted: Iterable[tuple[str, Voice]]) -> int:
        """Make these texts ahead of time, a few at once; returns how many could not be made."""
        waiting = iter(dict.fromkeys(wanted))
        failed = 0

        async def render() -> None:
            nonlocal failed
            for text, voice in waiting:
                try:
                    await self.synthesise(text, voice)
                except SynthesisFailed as failure:
                    failed += 1
                    _log.warning("prompt_not_rendered", text=text, reason=failure.what)

        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(render())
        return failed

    async def close(self) -> None:
        """Stop what is being made, let the disk finish, and close `inner`."""
        making = list(self._making.values())
        for task in making:
            task.cancel()
        await asyncio.gather(*making, return_exceptions=True)
        await asyncio.to_thread(self._disk.shutdown)
        await self._inner.close()

    def _key(self, text: str, voice: Voice) -> str:
        told = [
            self._engine,
            voice.language,
            voice.name,
            voice.rate,
            voice.pitch,
            unicodedata.normalize("NFC", text),
        ]
        return hashlib.sha256(json.dumps(told).encode("ascii")).hexdigest()

    async def _make(self, key: str, text: str, voice: Voice) -> Audio:
        loop = asyncio.get_running_loop()
        audio = await loop.run_in_executor(self._disk, self._files.read, key)
        if audio is None:
            audio = await self._inner.synthesise(text, voice)
            self._disk.submit(self._files.write, key, audio)
        self._remember(key, audio)
        return audio

    def _made(self, key: str, task: asyncio.Task[Audio]) -> None:
        del self._making[key]
        if not task.cancelled():
            # Read, or asyncio complains when everybody who waited has gone.
            task.exception()

    def _remembered(self, key: str) -> Audio | None:
        audio = self._memory.get(key)
        if audio is not None:
            self._memory.move_to_end(key)
        return audio

    def _remember(self, key: str, audio: Audio) -> None:
        if key in self._memory or len(audio.pcm) > self._memory_bytes:
            return
        self._memory[key] = audio
        self._memory_size += len(audio.pcm)
        while self._memory_size > self._memory_bytes:
            _, dropped = self._memory.popitem(last=False)
            self._memory_size -= len(dropped.pcm)
