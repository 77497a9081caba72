"""Where all prompts of a process are kept, whichever engine made them: in memory, and behind it in
a folder on disk that processes share.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from ivr.audio.format import Audio
from ivr.speech.synthesis.engine import EngineFacts
from ivr.speech.synthesis.prompt_files import PromptFiles

MAX_BYTES = 256 * 1024 * 1024
"""On disk: four and a half hours of prompts."""

MEMORY_BYTES = 32 * 1024 * 1024
"""In memory: half an hour of prompts."""

_ENGINES = "engines.json"


class PromptStore:
    """Prompts by key, `memory_bytes` of them in memory and `max_bytes` in `folder`."""

    def __init__(
        self, folder: Path, max_bytes: int = MAX_BYTES, *, memory_bytes: int = MEMORY_BYTES
    ) -> None:
        self._folder = folder
        self._files = PromptFiles(folder, max_bytes)
        self._memory: OrderedDict[str, Audio] = OrderedDict()
        self._memory_size = 0
        self._memory_bytes = memory_bytes
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="prompts")

    def remembered(self, key: str) -> Audio | None:
        """Return the sound if it is in memory."""
        audio = self._memory.get(key)
        if audio is not None:
            self._memory.move_to_end(key)
        return audio

    def read(self, key: str) -> Audio | None:
        """Return the sound if it is in memory or on disk, without waiting for what is written."""
        audio = self.remembered(key)
        if audio is None:
            audio = self._files.read(key)
            if audio is not None:
                self._remember(key, audio)
        return audio

    async def find(self, key: str) -> Audio | None:
        """The same, with the disk asked beside the event loop."""
        audio = self.remembered(key)
        if audio is None:
            loop = asyncio.get_running_loop()
            audio = await loop.run_in_executor(self._disk, self._files.read, key)
            if audio is not None:
                self._remember(key, audio)
        return audio

    def keep(self, key: str, audio: Audio) -> None:
        """Keep a sound: in memory at once, on disk soon."""
        self._disk.submit(self._files.write, key, audio)
        self._remember(key, audio)

    def remember_engine(self, place: str, facts: EngineFacts) -> None:
        """Keep what the engine at `place` (its URL) is, so that its prompts are found while it is
        away."""
        header = facts.as_header()
        known = self._engines()
        if known.get(place) == header:
            return
        # A process that listens elsewhere at each start is still the same engine.
        known = {where: other for where, other in known.items() if other != header}
        known[place] = header
        part = self._folder / f".{_ENGINES}.{os.getpid()}"
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(known, indent=1), encoding="utf-8")
            part.replace(self._folder / _ENGINES)

    def known_engine(self, place: str) -> EngineFacts | None:
        """What was last found at `place`; None where nothing ever was."""
        header = self._engines().get(place)
        return None if header is None else EngineFacts.from_header(header)

    def known_engines(self) -> list[EngineFacts]:
        """All that were found, wherever it was."""
        return [EngineFacts.from_header(header) for header in self._engines().values()]

    async def close(self) -> None:
        """Let the disk finish."""
        await asyncio.to_thread(self._disk.shutdown)

    def _engines(self) -> dict[str, dict[str, Any]]:
        try:
            known = json.loads((self._folder / _ENGINES).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        if not isinstance(known, dict):
            return {}
        return {place: header for place, header in known.items() if isinstance(header, dict)}

    def _remember(self, key: str, audio: Audio) -> None:
        if key in self._memory or len(audio.pcm) > self._memory_bytes:
            return
        self._memory[key] = audio
        self._memory_size += len(audio.pcm)
        while self._memory_size > self._memory_bytes:
            _, dropped = self._memory.popitem(last=False)
            self._memory_size -= len(dropped.pcm)
