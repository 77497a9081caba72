"""What a worker understands with, as its settings say."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ivr.nlu.choice import interpreter_of
from ivr.settings import PROJECT
from tests.nlu.rasa_peer import RasaPeer

BANK = PROJECT / "nlu_models" / "bank"
SENTENCE = "what is my balance"


@pytest.fixture(scope="module")
def var_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Without a sentence encoder."""
    return tmp_path_factory.mktemp("var")


async def test_without_its_encoder_minilm_is_replaced_and_the_log_says_so(var_dir: Path) -> None:
    with capture_logs() as logged:
        interpreter = await asyncio.to_thread(interpreter_of, "minilm", BANK, var_dir, {})
    meaning = await interpreter.interpret(SENTENCE, "en")
    await interpreter.close()
    assert meaning.intent == "check_balance"
    assert meaning.model.startswith("spacy:")
    [line] = [entry for entry in logged if entry["event"] == "nlu_engine_missing"]
    assert (line["engine"], line["instead"]) == ("minilm", "spacy")
    assert "make minilm" in line["why"]


async def test_rasa_is_asked_first_and_the_engine_in_process_when_it_is_gone(var_dir: Path) -> None:
    peer = RasaPeer()
    try:
        interpreter = await asyncio.to_thread(
            interpreter_of, "spacy", BANK, var_dir, {"en": peer.url}
        )
        models = [(await interpreter.interpret(SENTENCE, "en")).model]
        # A busy machine may miss the deadline that calls have; then Rasa is asked again.
        for _ in range(50):
            if models[-1].startswith("rasa:"):
                break
            await asyncio.sleep(0.1)
            models.append((await interpreter.interpret(SENTENCE, "en")).model)
        assert models[-1].startswith("rasa:en-")
        # Hindi has no server.
        assert (await interpreter.interpret("बैलेंस", "hi")).model.startswith("spacy:hi-")
    finally:
        peer.close()
    meaning = await interpreter.interpret(SENTENCE, "en")
    await interpreter.close()
    assert meaning.model.startswith("spacy:en-")
    assert meaning.intent == "check_balance"
