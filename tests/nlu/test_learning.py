"""From calls to a better model: export, annotate, import, retrain, compare; a worse one is
refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from click.testing import CliRunner, Result

from ivr.cli.nlu import nlu
from ivr.errors import IvrError
from ivr.nlu.retraining import LEARNED
from ivr.nlu.spacy import SpacyInterpreter
from ivr.nlu.training_data import TrainingData, load_training_data, write_training_data
from ivr.settings import PROJECT, load_settings
from ivr.storage.embedded import EmbeddedPostgres
from ivr.storage.record import TurnTaken
from ivr.storage.record_database import RecordDatabase

BANK = PROJECT / "nlu_models" / "bank" / "en"
NOON = datetime(2026, 7, 15, 12, tzinfo=UTC)
_TAUGHT = 6
"""Sentences an intent begins with."""


@pytest.fixture(scope="module")
def truth() -> dict[str, str]:
    """Intents of sentences that callers will say and the bank has not been taught."""
    intents = load_training_data(BANK).intents
    later = {name: many[_TAUGHT : _TAUGHT + 25] for name, many in intents.items()}
    return {one.text: name for name, many in later.items() for one in many}


@pytest.fixture(scope="module")
def database(
    truth: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmbeddedPostgres]:
    """Calls of those sentences, misunderstood; others that must not be exported."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"))
    server.start()
    database = RecordDatabase(server.url)
    turns = [said(uuid4(), 1, text, "help", 0.35) for text in truth]
    corrected, understood, keyed = uuid4(), uuid4(), uuid4()
    turns += [
        said(corrected, 1, "put a stop on that plastic", "check_balance", 0.93),
        said(corrected, 2, "how may I help", who="bot"),
        said(corrected, 3, "no no that's wrong", "deny", 0.97),
        said(understood, 1, "what is my balance", "check_balance", 0.99),
        said(understood, 2, "goodbye", "goodbye", 0.99),
        said(keyed, 1, "[sensitive]"),
        said(keyed, 2, "no", "deny", 0.4),
        said(uuid4(), 1, "bonjour", "greet", 0.1, language="fr"),
    ]
    assert database.ship(turns) == []
    database.close()
    yield server
    server.stop()


def said(
    call_id: UUID,
    number: int,
    text: str,
    intent: str = "",
    confidence: float | None = None,
    **more: Any,
) -> TurnTaken:
    fields: dict[str, Any] = {"who": "caller", "language": "en", "node": "main"} | more
    return TurnTaken(
        call_id=call_id,
        number=number,
        at=NOON + timedelta(seconds=number),
        text=text,
        intent=intent,
        confidence=confidence,
        nlu_model="spacy:en-before" if confidence else "",
        **fields,
    )


@pytest.fixture
def bank(
    tmp_path: Path, database: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The bank before it has learnt much."""
    folder = tmp_path / "bank" / "en"
    folder.mkdir(parents=True)
    data = load_training_data(BANK)
    little = TrainingData(
        intents={name: many[:_TAUGHT] for name, many in data.intents.items()},
        synonyms=data.synonyms,
        lookups=data.lookups,
    )
    (folder / "nlu.yml").write_text(write_training_data(little), encoding="utf-8")
    (folder / "frozen").symlink_to(BANK / "frozen")
    monkeypatch.setenv("IVR_VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("IVR_NLU_DIR", str(folder.parent))
    monkeypatch.setenv("IVR_DATABASE_URL", database.url)
    load_settings.cache_clear()
    yield folder
    load_settings.cache_clear()


def run(*arguments: object) -> Result:
    return CliRunner().invoke(nlu, [str(one) for one in arguments])


def annotate(exported: Path, intent_of: dict[str, str], annotated: Path) -> Path:
    """What a person does in Label Studio, in a file of its form."""
    tasks = json.loads(exported.read_text(encoding="utf-8"))
    for number, task in enumerate(tasks):
        intent = intent_of.get(task["data"]["text"])
        if intent is not None:
            choice = {"from_name": "intent", "to_name": "text", "type": "choices"}
            result = [choice | {"id": f"a{number}", "value": {"choices": [intent]}}]
            task |= {"id": number, "annotations": [{"id": number, "result": result}]}
    annotated.write_text(json.dumps(tasks), encoding="utf-8")
    return annotated


def test_calls_make_a_better_model_and_lies_do_not(
    bank: Path, truth: dict[str, str], tmp_path: Path
) -> None:
    tasks, labels = tmp_path / "tasks.json", tmp_path / "labels.xml"
    assert run("export", "--out", tasks, "--labels", labels).exit_code == 0
    exported = {task["data"]["text"]: task["data"] for task in json.loads(tasks.read_text())}
    assert set(exported) == {*truth, "put a stop on that plastic"}
    assert exported["put a stop on that plastic"]["why"] == "corrected"
    assert '<Choice value="block_card"/>' in labels.read_text()

    # a deliberately worse model: every intent is called by its neighbour's name
    names = sorted(set(truth.values()))
    lies = {text: names[names.index(name) - 1] for text, name in truth.items()}
    refused = run("import", annotate(tasks, lies, tmp_path / "lies.json"), "--json")
    verdict = json.loads(refused.stdout)["en"]
    assert (refused.exit_code, verdict["adopted"]) == (1, False)
    assert verdict["after"]["right"] < verdict["before"]["right"]
    assert not (bank / LEARNED).exists()

    true = annotate(
        tasks, truth | {"put a stop on that plastic": "block_card"}, tmp_path / "a.json"
    )
    adopted = run("import", true, "--json")
    verdict = json.loads(adopted.stdout)["en"]
    assert (adopted.exit_code, verdict["adopted"]) == (0, True)
    assert verdict["after"]["right"] > verdict["before"]["right"] + 0.05
    assert verdict["after"]["served"] > verdict["before"]["served"] + 0.05

    # workers that start now use it, and say so
    interpreter = SpacyInterpreter(bank.parent, tmp_path / "var" / "nlu")
    model = json.loads(run("versions", "--json").stdout)[-1]["version"]
    assert model == verdict["version"]
    assert interpreter._languages["en"].model == f"spacy:{model}"

    again = run("import", true)
    assert isinstance(again.exception, IvrError)
    assert "nothing new" in str(again.exception)


def test_versions_are_kept_and_restored(bank: Path, truth: dict[str, str], tmp_path: Path) -> None:
    tasks = tmp_path / "tasks.json"
    run("export", "--out", tasks)
    half = dict(list(truth.items())[::2])
    first = json.loads(run("import", annotate(tasks, half, tmp_path / "1.json"), "--json").stdout)
    learned = (bank / LEARNED).read_text()
    (bank / LEARNED).write_text('version: "3.1"\n')
    assert run("restore", first["en"]["version"]).exit_code == 0
    assert (bank / LEARNED).read_text() == learned
    unknown = run("restore", "en-0").exception
    assert isinstance(unknown, IvrError)
    assert first["en"]["version"] in unknown.remedy


def test_frozen_sentences_are_never_taught(bank: Path, tmp_path: Path) -> None:
    frozen = load_training_data(BANK / "frozen").intents
    tasks = [
        {
            "data": {"text": one.text.upper(), "language": "en"},
            "annotations": [{"result": [{"type": "choices", "value": {"choices": [name]}}]}],
        }
        for name, many in frozen.items()
        for one in many
    ]
    (tmp_path / "a.json").write_text(json.dumps(tasks))
    error = run("import", tmp_path / "a.json").exception
    assert isinstance(error, IvrError)
    assert "nothing new" in error.what


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("not json", "not JSON"),
        ('{"a": 1}', "tasks"),
        ('[{"annotations": []}]', "0.data"),
        (
            '[{"data": {"text": "x y", "language": "en"}, "annotations": '
            '[{"result": [{"type": "choices", "value": {"choices": ["bloc_card"]}}]}]}]',
            "bloc_card",
        ),
    ],
)
def test_wrong_files_are_errors_for_people(
    bank: Path, tmp_path: Path, content: str, what: str
) -> None:
    (tmp_path / "a.json").write_text(content)
    error = run("import", tmp_path / "a.json").exception
    assert isinstance(error, IvrError)
    assert what in str(error) or "valid list" in str(error)
    assert error.remedy


def test_without_a_frozen_set_nothing_is_judged(
    bank: Path, truth: dict[str, str], tmp_path: Path
) -> None:
    run("export", "--out", tmp_path / "tasks.json")
    annotated = annotate(tmp_path / "tasks.json", truth, tmp_path / "a.json")
    (bank / "frozen").unlink()
    error = run("import", annotated).exception
    assert isinstance(error, IvrError)
    assert "frozen" in error.what
