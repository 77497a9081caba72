"""Data sets to measure engines on: BANKING77, CLINC150, or folders in Rasa's format."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivr.errors import IvrError
from ivr.nlu.annotation import Example
from ivr.nlu.classifier import OUT_OF_SCOPE
from ivr.nlu.training_data import TrainingData, load_training_data


class BadDataset(IvrError):
    """A data set that is not there or not in a form we know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """`test` sentences with their intents, out-of-scope ones under `OUT_OF_SCOPE`; `validation`
    is what thresholds are chosen on, None where the data set has no such part.
    """

    training: TrainingData
    validation: TrainingData | None
    test: tuple[tuple[str, str], ...]


def load_dataset(path: Path) -> Dataset:
    """The data set in folder `path`. Raises BadDataset, BadTrainingData.

    `train.csv` and `test.csv` with text and category (BANKING77); `data_full.json` (CLINC150,
    https://github.com/clinc/oos-eval); or `train/`, `test/` and perhaps `validation/` with
    Rasa's YAML.
    """
    try:
        if (path / "train.csv").is_file():
            return Dataset(
                training=_taught(_table(path / "train.csv")),
                validation=None,
                test=tuple(_table(path / "test.csv")),
            )
        if (path / "data_full.json").is_file():
            parts = json.loads((path / "data_full.json").read_text(encoding="utf-8"))
            return Dataset(
                training=_taught(_clinc(parts, "train")),
                validation=_taught(_clinc(parts, "val")),
                test=tuple(_clinc(parts, "test")),
            )
        if (path / "train").is_dir():
            aside = path / "validation"
            return Dataset(
                training=load_training_data(path / "train"),
                validation=load_training_data(aside) if aside.is_dir() else None,
                test=tuple(_sentences(load_training_data(path / "test"))),
            )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadDataset(f"{path} cannot be read: {error}.", remedy=_FORMS) from None
    raise BadDataset(f"{path} holds no data set.", remedy=_FORMS)


_FORMS = (
    "Name a folder with train.csv and test.csv (text,category), with data_full.json (CLINC150), "
    "or with train/ and test/ in Rasa's format."
)


def _table(path: Path) -> list[tuple[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["category"], _plain(row["text"])) for row in csv.DictReader(file)]


def _clinc(parts: dict[str, Any], name: str) -> list[tuple[str, str]]:
    inside = [(intent, _plain(text)) for text, intent in parts[name]]
    return inside + [(OUT_OF_SCOPE, _plain(text)) for text, _ in parts[f"oos_{name}"]]


def _sentences(data: TrainingData) -> Iterable[tuple[str, str]]:
    return ((intent, one.text) for intent, many in data.intents.items() for one in many)


def _taught(pairs: Iterable[tuple[str, str]]) -> TrainingData:
    intents: dict[str, list[Example]] = {}
    for intent, text in pairs:
        intents.setdefault(intent, []).append(Example(text=text))
    return TrainingData(intents={intent: tuple(many) for intent, many in intents.items()})


def _plain(text: str) -> str:
    """One line without brackets, which mark entities in Rasa's format."""
    return " ".join(text.replace("[", "(").replace("]", ")").split())
