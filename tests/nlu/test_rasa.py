"""Rasa away, frozen or talking nonsense, and back again."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from ivr.nlu.fallback import FallbackInterpreter
from ivr.nlu.interpreter import Interpretation
from ivr.nlu.rasa import RasaAway, RasaInterpreter
from ivr.nlu.rasa_server import RasaFailed, RasaServer, train_rasa
from ivr.nlu.spacy import SpacyInterpreter
from ivr.settings import PROJECT
from tests.clocks import HeldClock
from tests.nlu.rasa_peer import REPLIES, RasaPeer

BANK = PROJECT / "nlu_models" / "bank"


@pytest.fixture
def peer() -> Iterator[RasaPeer]:
    peer = RasaPeer()
    yield peer
    peer.close()


@pytest.fixture
async def rasa(peer: RasaPeer) -> AsyncIterator[RasaInterpreter]:
    """Patient: a busy machine is no fault of the server's."""
    rasa = RasaInterpreter({"en": peer.url}, BANK, clock=HeldClock(), timeout_s=5)
    yield rasa
    await rasa.close()


@pytest.fixture
async def hurried(peer: RasaPeer) -> AsyncIterator[RasaInterpreter]:
    """With the patience that calls have."""
    hurried = RasaInterpreter({"en": peer.url}, BANK, clock=HeldClock())
    yield hurried
    await hurried.close()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nlu")


@pytest.fixture
async def both(hurried: RasaInterpreter, cache: Path) -> AsyncIterator[FallbackInterpreter]:
    local = SpacyInterpreter(BANK, cache, clock=HeldClock())
    both = FallbackInterpreter(hurried, local, probe_s=0.02)
    yield both
    await both.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


def spoilt(body: object) -> Callable[[int, bytes], tuple[int, bytes]]:
    return lambda status, _: (status, json.dumps(body).encode())


PARSE = REPLIES["parse"]["goodbye"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda status, body: (500, b"{}"),
        lambda status, body: (409, body),
        lambda status, body: (200, b""),
        lambda status, body: (200, body[:20]),
        lambda status, body: (200, b"\xff\xfe"),
        spoilt([]),
        spoilt({"model_id": "x", "intent_ranking": "none"}),
        spoilt({"model_id": "x", "intent_ranking": [{"name": "a", "confidence": 7}]}),
        spoilt({"model_id": "x", "intent_ranking": [{"name": None, "confidence": 0.5}]}),
        spoilt({"model_id": "x", **PARSE, "entities": [{"entity": "person"}]}),
    ],
)
async def test_what_is_no_answer_is_away(
    peer: RasaPeer, rasa: RasaInterpreter, spoil: Callable[[int, bytes], tuple[int, bytes]]
) -> None:
    peer.spoil = spoil
    with pytest.raises(RasaAway):
        await rasa.ask("goodbye", "en")
    assert await rasa.interpret("goodbye", "en") == Interpretation(text="goodbye")
    assert not await rasa.healthy("en")


async def test_entities_beyond_the_text_are_let_go(peer: RasaPeer, rasa: RasaInterpreter) -> None:
    wrong = [
        {"entity": "person", "value": "x", "start": start, "end": end}
        for start, end in ((0, 99), (3, 3), (5, 2))
    ]
    peer.spoil = spoilt({"model_id": "x", **PARSE, "entities": wrong})
    found = await rasa.ask("goodbye", "en")
    assert (found.intent, found.entities) == ("goodbye", ())


async def test_its_own_fallback_is_no_intent(peer: RasaPeer, rasa: RasaInterpreter) -> None:
    ranking = [{"name": "nlu_fallback", "confidence": 0.9}, {"name": "thank", "confidence": 0.3}]
    peer.spoil = spoilt({"model_id": "x", "intent_ranking": ranking})
    assert (await rasa.ask("hm", "en")).intent == "thank"


async def test_a_frozen_server_costs_one_caller_less_than_150_ms(
    peer: RasaPeer, both: FallbackInterpreter
) -> None:
    assert (await both.interpret("goodbye", "en")).model.startswith("rasa:")
    peer.freeze()
    started = time.monotonic()
    found = await both.interpret("goodbye", "en")
    spent = time.monotonic() - started
    assert (found.intent, found.model.partition(":")[0]) == ("goodbye", "spacy")
    assert spent < 0.15
    assert not both.uses_remote("en")
    later = []
    for _ in range(20):
        started = time.monotonic()
        await both.interpret("goodbye", "en")
        later.append(time.monotonic() - started)
    assert statistics.median(later) < 0.02


async def test_it_is_used_again_when_it_is_back(peer: RasaPeer, both: FallbackInterpreter) -> None:
    peer.freeze()
    assert (await both.interpret("goodbye", "en")).model.startswith("spacy:")
    peer.thaw()
    await until(lambda: both.uses_remote("en"))
    assert (await both.interpret("goodbye", "en")).model.startswith("rasa:")


async def test_killed_and_started_again(peer: RasaPeer, both: FallbackInterpreter) -> None:
    assert (await both.interpret("goodbye", "en")).model.startswith("rasa:")
    peer.close()
    assert (await both.interpret("goodbye", "en")).model.startswith("spacy:")
    again = RasaPeer(peer.port)
    try:
        await until(lambda: both.uses_remote("en"))
        assert (await both.interpret("goodbye", "en")).model.startswith("rasa:")
    finally:
        again.close()


async def test_a_server_that_answers_wrongly_stays_away(
    peer: RasaPeer, both: FallbackInterpreter
) -> None:
    # healthy by its status, but not able to parse
    peer.spoil = lambda status, body: (200, body) if b"model_id" in body else (500, b"")
    assert (await both.interpret("goodbye", "en")).model.startswith("spacy:")
    tried = len(peer.asked)
    await until(lambda: len(peer.asked) > tried + 2)
    assert not both.uses_remote("en")


async def test_a_new_model_is_named(peer: RasaPeer, rasa: RasaInterpreter) -> None:
    before = (await rasa.ask("goodbye", "en")).model
    peer.spoil = lambda status, body: (
        status,
        body.replace(REPLIES["status"]["model_id"].encode(), b"another"),
    )
    assert await rasa.healthy("en")
    assert (await rasa.ask("goodbye", "en")).model == "rasa:en-another" != before


def test_where_rasa_is_missing_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(RasaFailed, match="not installed"):
        train_rasa(BANK / "en", tmp_path, rasa=tmp_path / "rasa")
    with pytest.raises(RasaFailed, match="not installed"):
        RasaServer(tmp_path / "model.tar.gz", rasa=tmp_path / "rasa")


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_where_rasa_fails_its_last_words_are_told(tmp_path: Path) -> None:
    rasa = script(tmp_path / "rasa", "echo no pipeline at all; exit 1")
    with pytest.raises(RasaFailed, match="no pipeline at all"):
        train_rasa(BANK / "en", tmp_path / "models", rasa=rasa)
    server = RasaServer(tmp_path / "model.tar.gz", rasa=rasa)
    try:
        with pytest.raises(RasaFailed, match="no pipeline at all"):
            server.wait()
    finally:
        server.stop()
