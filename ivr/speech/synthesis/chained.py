"""One engine of several: its client, its cache, and whether it is well."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from ivr.audio.format import Audio
from ivr.speech.synthesis.cache import PromptCache
from ivr.speech.synthesis.client import SynthesisClient
from ivr.speech.synthesis.engine import EngineFacts
from ivr.speech.synthesis.prompt_store import PromptStore
from ivr.speech.synthesis.synthesiser import NotSpoken, SynthesisFailed, Voice

_FIRST_PING_S = 1.0
_PING_S = 0.5
_AGAIN_S = (0.25, 0.5, 1.0, 2.0)
"""Waits between pings of an engine that is away; the last one is kept to."""
_SAID_AGAIN_S = 60.0

_log = structlog.get_logger(__name__)


class ChainedEngine:
    """The engine at `url`; `on_back` is called when it is well again. Raises IvrError for a url
    that is none."""

    def __init__(self, url: str, store: PromptStore, on_back: Callable[[], None]) -> None:
        self._url = url
        self._on_back = on_back
        self._store = store
        self._client = SynthesisClient(url)
        self._facts: EngineFacts | None = None
        self._cache: PromptCache | None = None
        self._recovery: asyncio.Task[None] | None = None
        self._slow_said = float("-inf")
        known = store.known_engine(url)
        if known is not None:
            self._learn(known)

    @property
    def resting(self) -> bool:
        """Whether it failed, and has not answered a ping since."""
        return self._recovery is not None

    @property
    def by_clause(self) -> bool:
        """See `EngineFacts`."""
        return self._facts is not None and self._facts.by_clause

    def speaks(self, language: str) -> bool:
        """Whether it speaks `language`, as far as is known."""
        return self._facts is None or self._facts.speaks(language)

    async def start(self) -> None:
        """Ask what it is; where it does not answer, go on asking."""
        try:
            self._met(await self._client.ping(_FIRST_PING_S))
        except SynthesisFailed as failure:
            self._rest(failure)

    def cached(self, text: str, voice: Voice) -> Audio | None:
        """What is in memory or on disk."""
        return None if self._cache is None else self._cache.cached(text, voice)

    async def find(self, text: str, voice: Voice) -> Audio | None:
        """The same, without holding the event loop up."""
        return None if self._cache is None else await self._cache.find(text, voice)

    async def speak(self, text: str, voice: Voice, *, wait_s: float | None = None) -> Audio:
        """`text` from the cache, or made. Raises SynthesisFailed: at once when it is broken, which
        lets it rest; and after `wait_s`, when it is only slow.
        """
        try:
            if self._cache is None:
                self._met(await self._client.ping(_PING_S))
            assert self._cache is not None
            async with asyncio.timeout(wait_s):
                return await self._cache.synthesise(text, voice)
        except TimeoutError:
            now = asyncio.get_running_loop().time()
            if now - self._slow_said > _SAID_AGAIN_S:
                self._slow_said = now
                _log.warning("synthesis_engine_slow", engine=self._name, waited_s=wait_s)
            raise SynthesisFailed(f"{self._name} is too slow just now.") from None
        except NotSpoken:
            raise
        except SynthesisFailed as failure:
            self._rest(failure)
            raise

    async def close(self) -> None:
        """Let go of the connection."""
        if self._recovery is not None:
            self._recovery.cancel()
            await asyncio.gather(self._recovery, return_exceptions=True)
            self._recovery = None
        if self._cache is not None:
            await self._cache.close()
        await self._client.close()

    @property
    def _name(self) -> str:
        return self._facts.version if self._facts is not None else self._url

    def _met(self, facts: EngineFacts) -> None:
        self._store.remember_engine(self._url, facts)
        self._learn(facts)

    def _learn(self, facts: EngineFacts) -> None:
        if facts == self._facts:
            return
        self._facts = facts
        self._cache = PromptCache(self._client, self._store, facts)
        if facts.by_clause:
            self._client.slowly()

    def _rest(self, failure: SynthesisFailed) -> None:
        if self._recovery is None:
            _log.warning("synthesis_engine_away", engine=self._name, reason=str(failure))
            self._recovery = asyncio.create_task(self._until_well())

    async def _until_well(self) -> None:
        waits = iter(_AGAIN_S)
        wait_s = next(waits)
        while True:
            await asyncio.sleep(wait_s)
            wait_s = next(waits, wait_s)
            try:
                facts = await self._client.ping(_PING_S)
            except SynthesisFailed:
                continue
            break
        self._recovery = None
        self._met(facts)
        _log.info("synthesis_engine_back", engine=self._name)
        self._on_back()
