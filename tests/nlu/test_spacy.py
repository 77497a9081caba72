"""The in-process engine, trained on the bank's own data."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.nlu.interpreter import Interpretation, Interpreter
from ivr.nlu.model_cache import ModelNotKept, model_path
from ivr.nlu.spacy import SpacyInterpreter
from ivr.nlu.training_data import BadTrainingData, parse_training_data
from tests.clocks import HeldClock

HERE = Path(__file__).parent
BANK = HERE.parent.parent / "nlu_models" / "bank"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nlu")


@pytest.fixture(scope="module")
def bank(cache: Path) -> Interpreter:
    return SpacyInterpreter(BANK, cache, clock=HeldClock())


def understand(bank: Interpreter, text: str) -> Interpretation:
    return asyncio.run(bank.interpret(text, "en"))


@pytest.mark.parametrize(
    ("said", "intent"),
    [
        ("whats my balance", "check_balance"),
        ("I'd like to check my balance, please.", "check_balance"),
        ("send fifty dollars to mary", "transfer_money"),
        ("i need to block my credit card", "block_card"),
        ("can i speak to a human", "talk_to_agent"),
        ("goodbye", "goodbye"),
        ("what can i say", "help"),
        ("say that again", "repeat"),
        ("never mind", "cancel"),
        ("go back", "go_back"),
        ("yes that's right", "affirm"),
        ("no that's wrong", "deny"),
        ("good morning", "greet"),
        ("thank you very much", "thank"),
        ("main menu", "start_over"),
        ("four four seven one two three", "give_value"),
        ("will it rain tomorrow", "out_of_scope"),
    ],
)
def test_clear_phrases_are_understood_surely(bank: Interpreter, said: str, intent: str) -> None:
    found = understand(bank, said)
    assert (found.intent, found.confidence > 0.8) == (intent, True), found.intents[:2]


@pytest.mark.parametrize(
    "said", ["wibble wobble", "purple monkey dishwasher", "one lonely table", "...", "\u0928\u092e"]
)
def test_nonsense_is_not_understood(bank: Interpreter, said: str) -> None:
    assert understand(bank, said).confidence < 0.4


def test_held_out_sentences(bank: Interpreter) -> None:
    data = parse_training_data(
        (BANK / "en" / "frozen" / "held_out.yml").read_text(encoding="utf-8")
    )
    pairs = [(intent, one.text) for intent, many in data.intents.items() for one in many]
    right = [understand(bank, text).intent == intent for intent, text in pairs]
    assert len(pairs) >= 150
    assert statistics.mean(right) >= 0.95


def test_most_nonsense_is_rejected(bank: Interpreter) -> None:
    lines = (HERE / "nonsense.txt").read_text(encoding="utf-8").splitlines()
    found = [understand(bank, line) for line in lines]
    rejected = [one.confidence < 0.4 or one.intent == "out_of_scope" for one in found]
    assert statistics.mean(rejected) >= 0.9


def test_values_of_a_sentence(bank: Interpreter) -> None:
    found = understand(bank, "Pay two hundred and fifty rupees to john smith tomorrow by visa")
    assert [(entity.kind, entity.value) for entity in found.entities] == [
        ("amount", "250.00"),
        ("person", "John Smith"),
        ("date", "2026-07-16"),
        ("card_type", "visa"),
    ]
    for entity in found.entities:
        assert found.text[entity.start : entity.end] == entity.text


def test_synonyms_give_the_canonical_value(bank: Interpreter) -> None:
    found = understand(bank, "Checking Account and credit card")
    assert [(entity.kind, entity.value) for entity in found.entities] == [
        ("account_type", "current"),
        ("card_type", "credit"),
    ]


def test_every_intent_is_scored_best_first(bank: Interpreter) -> None:
    scores = [intent.confidence for intent in understand(bank, "balance").intents]
    assert len(scores) == 16
    assert scores == sorted(scores, reverse=True)
    assert 0 <= sum(scores) <= 1.0001


def test_no_words_and_no_model_give_no_intents(bank: Interpreter) -> None:
    assert understand(bank, "  ") == Interpretation(text="  ")
    assert asyncio.run(bank.interpret("bonjour", "fr")) == Interpretation(text="bonjour")


@given(st.text(max_size=3000))
@settings(max_examples=200, deadline=None)
def test_any_text_is_answered(bank: Interpreter, text: str) -> None:
    found = understand(bank, text)
    assert found.text == text
    assert bool(found.intents) == bool(text.strip())


def test_it_is_quick(bank: Interpreter) -> None:
    async def measured() -> float:
        spent = []
        for _ in range(100):
            started = time.perf_counter()
            await bank.interpret("i want to send two hundred dollars to maria tomorrow", "en")
            spent.append(time.perf_counter() - started)
        return statistics.median(spent)

    assert asyncio.run(measured()) < 0.003  # 0.3 ms on a free core; this one is shared


def test_a_kept_model_is_used_and_says_the_same(bank: Interpreter, cache: Path) -> None:
    path = model_path(BANK / "en", cache)
    before = path.stat().st_mtime_ns
    again = SpacyInterpreter(BANK, cache, clock=HeldClock())
    assert path.stat().st_mtime_ns == before
    for text in ("whats my balance", "transfer fifty to anna", "purple monkey"):
        assert understand(again, text) == understand(bank, text)


TINY = """\
version: "3.1"
nlu:
- intent: ask
  examples: |
    - where is my [parcel](thing)
    - where is it
- intent: stop
  examples: |
    - stop now
    - please stop
- regex: zipcode
  examples: |
    - \\b[A-Z]{2}\\d{3}\\b
"""


def tiny(folder: Path, text: str = TINY) -> Path:
    language = folder / "shop" / "en"
    language.mkdir(parents=True, exist_ok=True)
    (language / "nlu.yml").write_text(text, encoding="utf-8")
    return language.parent


def test_a_damaged_model_is_trained_again(tmp_path: Path) -> None:
    shop = tiny(tmp_path)
    SpacyInterpreter(shop, tmp_path / "cache")
    model = model_path(shop / "en", tmp_path / "cache") / "ivr_intents" / "intents.npz"
    model.write_bytes(model.read_bytes()[:100])
    assert understand(SpacyInterpreter(shop, tmp_path / "cache"), "stop").intent == "stop"
    assert model.stat().st_size > 100


def test_changed_data_is_another_model_and_old_ones_go(tmp_path: Path) -> None:
    for extra in range(5):
        shop = tiny(tmp_path, TINY + f"- synonym: s{extra}\n  examples: |\n    - x\n")
        SpacyInterpreter(shop, tmp_path / "cache")
    assert len(list((tmp_path / "cache" / "shop").iterdir())) == 3


def test_patterns_and_annotated_examples_give_entities(tmp_path: Path) -> None:
    shop = SpacyInterpreter(tiny(tmp_path), tmp_path / "cache", clock=HeldClock())
    found = understand(shop, "send my parcel to ab123")
    assert [
        (one.kind, one.value) for one in found.entities if one.kind in {"thing", "zipcode"}
    ] == [
        ("thing", "parcel"),
        ("zipcode", "ab123"),
    ]


def test_what_cannot_be_trained_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelNotKept, match="holds no training data"):
        SpacyInterpreter(tmp_path / "nowhere", tmp_path)
    with pytest.raises(BadTrainingData, match=r"nlu\.yml, line 3"):
        SpacyInterpreter(tiny(tmp_path, 'version: "3.1"\nnlu:\n- intnt: x\n'), tmp_path)
    one = 'version: "3.1"\nnlu:\n- intent: only\n  examples: |\n    - hello\n'
    with pytest.raises(ModelNotKept, match="fewer than two intents"):
        SpacyInterpreter(tiny(tmp_path, one), tmp_path)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelNotKept, match="cannot be kept"):
        SpacyInterpreter(tiny(tmp_path), tmp_path / "file")


def test_importing_the_engine_does_not_import_spacy() -> None:
    code = "import sys, ivr.nlu.spacy; sys.exit('spacy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
