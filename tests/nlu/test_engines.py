"""The contract of `Interpreter`, for each engine and for Rasa with its fall-back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.nlu.encoder import EncoderMissing, SentenceEncoder
from ivr.nlu.engines import encoder_of
from ivr.nlu.fallback import FallbackInterpreter
from ivr.nlu.interpreter import Interpreter
from ivr.nlu.rasa import RasaInterpreter
from ivr.nlu.rasa_server import RASA, RasaServer, train_rasa
from ivr.nlu.spacy import SpacyInterpreter
from ivr.settings import PROJECT
from tests.clocks import HeldClock
from tests.nlu.interpreter_contract import InterpreterContract
from tests.nlu.rasa_peer import RasaPeer

_RASA = Path(os.environ.get("IVR_RASA", RASA))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("engines")


@pytest.fixture
def peer() -> Iterator[RasaPeer]:
    peer = RasaPeer()
    yield peer
    peer.close()


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bank's training data, English only."""
    bank = tmp_path_factory.mktemp("nlu") / "bank"
    bank.mkdir()
    (bank / "en").symlink_to(PROJECT / "nlu_models" / "bank" / "en")
    return bank


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder | None:
    try:
        return encoder_of("minilm", PROJECT / "var")
    except EncoderMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def server(bank: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RasaServer]:
    if not _RASA.is_file():
        pytest.skip(f"there is no Rasa at {_RASA}: run `make rasa`, or set IVR_RASA")
    models = tmp_path_factory.mktemp("rasa")
    server = RasaServer(train_rasa(bank / "en", models, rasa=_RASA), rasa=_RASA)
    try:
        server.wait()
        yield server
    finally:
        server.stop()


class TestSpacy(InterpreterContract):
    @pytest.fixture
    def engine(self, bank: Path, cache: Path) -> Interpreter:
        return SpacyInterpreter(bank, cache, clock=HeldClock())


class TestMiniLm(InterpreterContract):
    @pytest.fixture
    def engine(self, bank: Path, cache: Path, encoder: SentenceEncoder) -> Interpreter:
        return SpacyInterpreter(bank, cache, clock=HeldClock(), encoder=encoder)


class TestRasaAsRecorded(InterpreterContract):
    @pytest.fixture
    async def engine(self, bank: Path, peer: RasaPeer) -> Interpreter:
        return RasaInterpreter({"en": peer.url}, bank, clock=HeldClock(), timeout_s=5)


class TestRasaWithFallback(InterpreterContract):
    @pytest.fixture
    async def engine(self, bank: Path, peer: RasaPeer, cache: Path) -> Interpreter:
        rasa = RasaInterpreter({"en": peer.url}, bank, clock=HeldClock(), timeout_s=5)
        return FallbackInterpreter(rasa, SpacyInterpreter(bank, cache, clock=HeldClock()))


class TestRasaAway(InterpreterContract):
    @pytest.fixture
    async def engine(self, bank: Path, cache: Path) -> Interpreter:
        rasa = RasaInterpreter({"en": "http://127.0.0.1:1"}, bank, clock=HeldClock())
        return FallbackInterpreter(rasa, SpacyInterpreter(bank, cache, clock=HeldClock()))


@pytest.mark.timeout(600)
class TestRasa(InterpreterContract):
    @pytest.fixture
    async def engine(self, bank: Path, server: RasaServer) -> Interpreter:
        return RasaInterpreter({"en": server.url}, bank, clock=HeldClock(), timeout_s=5)
