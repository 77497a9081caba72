"""An engine elsewhere, and one in process that answers in its place while it is away."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol

import structlog

from ivr.errors import IvrError
from ivr.nlu.interpreter import Interpretation, Interpreter

PROBE_S = 1.0

log = structlog.get_logger(__name__)


class RemoteEngine(Protocol):
    """An engine that may be away."""

    @property
    def languages(self) -> frozenset[str]:
        """Codes of the languages it has a server for."""
        ...

    async def ask(self, text: str, language: str) -> Interpretation:
        """Raises IvrError, soon, when it does not answer."""
        ...

    async def healthy(self, language: str) -> bool:
        """Whether it would answer; never raises."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class FallbackInterpreter:
    """See `Interpreter`. `remote` is asked first; once it fails for a language, `local` answers
    at once, until a probe, every `probe_s`, finds the remote healthy again.
    """

    def __init__(
        self, remote: RemoteEngine, local: Interpreter, *, probe_s: float = PROBE_S
    ) -> None:
        self._remote = remote
        self._local = local
        self._probe_s = probe_s
        self._probes: dict[str, asyncio.Task[None]] = {}

    @property
    def languages(self) -> frozenset[str]:
        """See `Interpreter.languages`."""
        return self._remote.languages | self._local.languages

    def uses_remote(self, language: str) -> bool:
        """Whether the next utterance goes to the remote engine."""
        return language in self._remote.languages and language not in self._probes

    async def interpret(self, text: str, language: str) -> Interpretation:
        """See `Interpreter.interpret`."""
        if text.strip() and self.uses_remote(language):
            try:
                return await self._remote.ask(text, language)
            except IvrError as error:
                self._fall_back(language, error)
        return await self._local.interpret(text, language)

    async def close(self) -> None:
        """See `Interpreter.close`."""
        probes, self._probes = list(self._probes.values()), {}
        for probe in probes:
            probe.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await probe
        await self._remote.close()
        await self._local.close()

    def _fall_back(self, language: str, error: IvrError) -> None:
        if language in self._probes:  # another call noticed it too
            return
        log.warning("nlu_fell_back", language=language, why=str(error))
        self._probes[language] = asyncio.create_task(self._wait_for(language))

    async def _wait_for(self, language: str) -> None:
        while True:
            await asyncio.sleep(self._probe_s)
            if await self._remote.healthy(language):
                break
        log.info("nlu_remote_is_back", language=language)
        self._probes.pop(language, None)
