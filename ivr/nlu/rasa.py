"""Rasa 3 over HTTP: a server per language (https://rasa.com/docs/rasa/pages/http-api).

What it answers is checked like anything from the line. Values (digits, amounts, dates, yes and
no) are read by our own rules and listed phrases by our own lists, whatever the engine, so that
flows get the same from each; Rasa's other entities are added.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import httpx
import structlog
from pydantic import BaseModel, Field, ValidationError

from ivr.clock import Clock, SystemClock
from ivr.errors import IvrError
from ivr.nlu.interpreter import Entity, Interpretation, ScoredIntent
from ivr.nlu.phrases import COMPUTED_KINDS, PhraseList, listed_phrases
from ivr.nlu.training_data import load_training_data
from ivr.nlu.values import find_values

TIMEOUT_S = 0.1
"""A caller must not notice that a server is frozen; Rasa answers in 4 to 15 ms."""
HEALTH_TIMEOUT_S = 1.0
_MODEL_KNOWN_S = 60.0
_MOST_CHARACTERS = 1000
_FALLBACK = "nlu_fallback"
"""Not an intent of the application: what Rasa's FallbackClassifier answers."""

log = structlog.get_logger(__name__)


class RasaAway(IvrError):
    """A server does not answer, or not in time, or not what Rasa answers."""


class _Intent(BaseModel):
    name: str
    confidence: float = Field(ge=0, le=1)


class _Entity(BaseModel):
    entity: str
    value: object
    start: int = Field(ge=0)
    end: int


class _Reply(BaseModel):
    intent_ranking: list[_Intent]
    entities: list[_Entity] = []


class _Status(BaseModel):
    model_id: str


_Model = TypeVar("_Model", bound=BaseModel)


class RasaInterpreter:
    """See `Interpreter`. `urls` are the servers' by language; `nlu_dir` is the training data that
    they were taught: its lists are looked up here, which Rasa does only in part.

    Without a fall-back (`FallbackInterpreter`) an answer that does not come is one with no
    intents. Raises BadTrainingData.
    """

    def __init__(
        self,
        urls: Mapping[str, str],
        nlu_dir: Path,
        *,
        timeout_s: float = TIMEOUT_S,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock if clock is not None else SystemClock()
        self._timeout_s = timeout_s
        self._clients = {
            language: httpx.AsyncClient(
                base_url=url, timeout=max(timeout_s, HEALTH_TIMEOUT_S), trust_env=False
            )
            for language, url in urls.items()
        }
        self._listed = {
            language: PhraseList(listed_phrases(load_training_data(nlu_dir / language)))
            for language in urls
        }
        self._models: dict[str, tuple[str, float]] = {}

    @property
    def languages(self) -> frozenset[str]:
        """See `Interpreter.languages`."""
        return frozenset(self._clients)

    async def interpret(self, text: str, language: str) -> Interpretation:
        """See `Interpreter.interpret`."""
        try:
            return await self.ask(text, language)
        except RasaAway as error:
            log.warning("rasa_away", language=language, why=str(error))
            return Interpretation(text=text)

    async def ask(self, text: str, language: str) -> Interpretation:
        """Like `interpret`. Raises RasaAway within `timeout_s`."""
        if language not in self._clients or not text.strip():
            return Interpretation(text=text)
        heard = text[:_MOST_CHARACTERS]
        async with _answer_within(self._timeout_s, language):
            model = await self._model(language)
            body = await self._call(language, "POST", "/model/parse", {"text": heard})
        reply = _checked(_Reply, body)
        values = find_values(heard, language, self._clock.now().astimezone().date())
        found = [*self._entities(reply, heard, language), *values]
        ranking = [one for one in reply.intent_ranking if one.name and one.name != _FALLBACK]
        ranking.sort(key=lambda one: -one.confidence)
        return Interpretation(
            text=text,
            model=f"rasa:{language}-{model}",
            intents=tuple(
                ScoredIntent(name=one.name, confidence=one.confidence) for one in ranking
            ),
            entities=tuple(sorted(found, key=lambda entity: (entity.start, entity.end))),
        )

    async def healthy(self, language: str) -> bool:
        """Whether the server of `language` runs, has a model (without one it answers 409) and
        parses in time.
        """
        self._models.pop(language, None)
        try:
            async with _answer_within(HEALTH_TIMEOUT_S, language):
                await self._model(language)
            await self.ask("hello", language)
        except RasaAway:
            return False
        return True

    async def close(self) -> None:
        """See `Interpreter.close`."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.aclose()

    async def _model(self, language: str) -> str:
        """The id of the server's model, asked for again now and then: it may be replaced."""
        known = self._models.get(language)
        now = self._clock.monotonic()
        if known is not None and now - known[1] < _MODEL_KNOWN_S:
            return known[0]
        status = _checked(_Status, await self._call(language, "GET", "/status"))
        self._models[language] = (status.model_id[:16], now)
        return status.model_id[:16]

    async def _call(
        self, language: str, method: str, path: str, body: Mapping[str, str] | None = None
    ) -> bytes:
        try:
            reply = await self._clients[language].request(method, path, json=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _away(language, str(error) or type(error).__name__) from None
        if reply.status_code != httpx.codes.OK:
            raise _away(language, f"it answers {reply.status_code}")
        return reply.content

    def _entities(self, reply: _Reply, heard: str, language: str) -> list[Entity]:
        """What our lists name, and what else Rasa found where they name nothing."""
        found = self._listed[language].find(heard)
        for one in reply.entities:
            apart = all(one.end <= known.start or known.end <= one.start for known in found)
            if apart and one.entity not in COMPUTED_KINDS and one.start < one.end <= len(heard):
                found.append(
                    Entity(
                        kind=one.entity,
                        value=str(one.value),
                        text=heard[one.start : one.end],
                        start=one.start,
                        end=one.end,
                    )
                )
        return found


@asynccontextmanager
async def _answer_within(timeout_s: float, language: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError:
        raise _away(language, f"no answer within {timeout_s * 1000:.0f} ms") from None


def _checked(kind: type[_Model], body: bytes) -> _Model:
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise RasaAway(
            f"This is no answer of Rasa's: {first['msg']}.",
            remedy="See that the URL is that of `rasa run --enable-api`, version 3.",
        ) from None


def _away(language: str, why: str) -> RasaAway:
    return RasaAway(
        f"Rasa for {language} is away: {why}.", remedy="See that its server runs and has a model."
    )
