"""The prompt cache of one engine: what has been said once is not made twice, also after a restart.

In memory first, then on disk, then made. However many calls ask for the same text at once, it
is made once.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import unicodedata

from ivr.audio.format import Audio
from ivr.speech.synthesis.engine import EngineFacts
from ivr.speech.synthesis.prompt_store import PromptStore
from ivr.speech.synthesis.synthesiser import Synthesiser, Voice


class PromptCache:
    """A `Synthesiser` before `inner`, whose engine is `facts`, that keeps what it made in `store`:
    prompts of another engine or model are never used. The store is the caller's to close.
    """

    def __init__(self, inner: Synthesiser, store: PromptStore, facts: EngineFacts) -> None:
        self._inner = inner
        self._store = store
        self._facts = facts
        self._making: dict[str, asyncio.Task[Audio]] = {}

    async def synthesise(self, text: str, voice: Voice) -> Audio:
        """See `Synthesiser.synthesise`."""
        key = self._key(text, voice)
        audio = self._store.remembered(key)
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
        return self._store.read(self._key(text, voice))

    async def find(self, text: str, voice: Voice) -> Audio | None:
        """The same, with the disk asked beside the event loop."""
        return await self._store.find(self._key(text, voice))

    async def close(self) -> None:
        """Stop what is being made, and close `inner`."""
        making = list(self._making.values())
        for task in making:
            task.cancel()
        await asyncio.gather(*making, return_exceptions=True)
        await self._inner.close()

    def _key(self, text: str, voice: Voice) -> str:
        told = [
            self._facts.sound_in(voice.language),
            voice.language,
            voice.name_for(self._facts.kind),
            voice.rate,
            voice.pitch,
            unicodedata.normalize("NFC", text),
        ]
        return hashlib.sha256(json.dumps(told).encode("ascii")).hexdigest()

    async def _make(self, key: str, text: str, voice: Voice) -> Audio:
        audio = await self._store.find(key)
        if audio is None:
            audio = await self._inner.synthesise(text, voice)
            self._store.keep(key, audio)
        return audio

    def _made(self, key: str, task: asyncio.Task[Audio]) -> None:
        del self._making[key]
        if not task.cancelled():
            # Read, or asyncio complains when everybody who waited has gone.
            task.exception()
