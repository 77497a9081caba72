"""`ivrctl nlu` as people and scripts use it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ivr.cli.nlu import nlu
from ivr.errors import IvrError
from ivr.settings import load_settings

DATA = 'version: "3.1"\nnlu:\n' + "".join(
    f"- intent: {name}\n  examples: |\n" + "".join(f"    - {name} {word}\n" for word in words)
    for name, words in (
        ("stop", ("now", "it", "please", "this", "that", "here")),
        ("pay", ("fifty", "him", "tomorrow", "anna", "somebody", "me")),
    )
)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "shop" / "en"
    folder.mkdir(parents=True)
    (folder / "nlu.yml").write_text(DATA, encoding="utf-8")
    monkeypatch.setenv("IVR_VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("IVR_NLU_DIR", str(folder.parent))
    load_settings.cache_clear()
    yield folder.parent
    load_settings.cache_clear()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(nlu, arguments, catch_exceptions=True)


def test_train_keeps_what_is_there(shop: Path) -> None:
    assert json.loads(run("train", "--json").stdout)["en"]["trained"] is True
    assert json.loads(run("train", "--json").stdout)["en"]["trained"] is False
    assert json.loads(run("train", "--fresh", "--json").stdout)["en"]["trained"] is True
    assert "was there already" in run("train").stdout


def test_test_measures_each_intent_and_nonsense(shop: Path) -> None:
    found = json.loads(run("test", "--folds", "2", "--json").stdout)["en"]
    assert found["sentences"] == 12
    assert found["accuracy"] == 1.0
    assert found["per_intent"] == {"pay": 1.0, "stop": 1.0}
    assert found["nonsense"] == 200
    assert 0 < found["rejected"] <= 1
    assert "100.0% of 12 sentences right" in " ".join(run("test", "--folds", "2").stdout.split())


def test_parse_says_what_was_understood(shop: Path) -> None:
    found = json.loads(run("parse", "--json", "pay", "fifty", "dollars").stdout)
    assert found["intent"] == "pay"
    assert found["entities"][0]["value"] == "50.00"
    assert "amount: 50.00" in run("parse", "pay fifty dollars").stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "--language", "hi"),
        ("parse", "--language", "hi", "hello"),
        ("test", "--dir", "/nonexistent"),
    ],
)
def test_mistakes_are_errors_for_people(shop: Path, arguments: tuple[str, ...]) -> None:
    error = run(*arguments).exception
    assert isinstance(error, IvrError)
    assert error.remedy
