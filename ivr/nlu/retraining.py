"""A new model takes over only when it is better on sentences that nothing was taught or tuned on.

    en/nlu.yml ...    what people wrote
    en/learned.yml    what was learnt from calls; only this file is ever changed here
    en/frozen/*.yml   the frozen test set

Workers pick a model by its training data, so that putting `learned.yml` in its place is taking
over, at their next start. What was learnt in each version stays beside the models, in
`versions/LANGUAGE/`, and can be restored.
"""

from __future__ import annotations

import difflib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ivr.errors import IvrError
from ivr.nlu.annotation import BadAnnotation, Example, write_example
from ivr.nlu.classifier import OUT_OF_SCOPE
from ivr.nlu.model_cache import model_path, ready_pipeline
from ivr.nlu.training_data import (
    TrainingData,
    load_training_data,
    parse_training_data,
    write_training_data,
)

if TYPE_CHECKING:
    from spacy.language import Language

    from ivr.nlu.encoder import SentenceEncoder

FROZEN = "frozen"
LEARNED = "learned.yml"
_ACTED_ON = 0.7
"""The confidence from which flows act on an intent, unless they say otherwise."""

Labelled = Sequence[tuple[str, Example]]
"""Intent and sentence."""


class NotLearnt(IvrError):
    """Examples that cannot be learnt, or no frozen test set to judge by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Shares of the frozen test set, 0..1. `right`: the intent found; `served`: found and sure
    enough to be acted on or, out of scope, refused.
    """

    right: float
    served: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a new model. `sentences`: those it was taught anew; `left_out`: known
    already, or part of the frozen test set.
    """

    adopted: bool
    version: str
    sentences: int
    left_out: int
    before: Score
    after: Score


def retrain(
    folder: Path,
    examples: Labelled,
    cache_dir: Path,
    *,
    now: datetime,
    encoder: SentenceEncoder | None = None,
) -> Verdict:
    """Teach `folder` (application/language) `examples` too; keep that only when it is better:
    more sentences of the frozen test set served, and no fewer right. Raises NotLearnt,
    BadTrainingData, ModelNotKept.
    """
    frozen = _frozen(folder)
    data = load_training_data(folder)
    fresh = _fresh(examples, data, frozen)
    if not fresh:
        raise NotLearnt(
            "There is nothing new to learn.",
            remedy="Annotate sentences that are not in the training data or the frozen test set.",
        )
    learned = folder / LEARNED
    old = parse_training_data(learned.read_text("utf-8")) if learned.is_file() else TrainingData()
    text = write_training_data(_joined(old, fresh))
    before = measure(ready_pipeline(folder, cache_dir, encoder=encoder), frozen)
    with tempfile.TemporaryDirectory() as scratch:
        candidate = Path(scratch) / folder.parent.name / folder.name
        shutil.copytree(folder, candidate)
        (candidate / LEARNED).write_text(text, encoding="utf-8")
        after = measure(ready_pipeline(candidate, cache_dir, encoder=encoder), frozen)
        version = model_path(candidate, cache_dir, encoder).name
    adopted = after.served > before.served and after.right >= before.right
    verdict = Verdict(
        adopted=adopted,
        version=version,
        sentences=len(fresh),
        left_out=len(examples) - len(fresh),
        before=before,
        after=after,
    )
    _keep_version(versions_dir(folder, cache_dir), text, verdict, now)
    if adopted:
        _put(learned, text)
    return verdict


def measure(nlp: Language, frozen: Iterable[tuple[str, str]]) -> Score:
    """How well `nlp` understands the sentences of `frozen`: (intent, text)."""
    right = served = count = 0
    for intent, text in frozen:
        found, confidence = next(iter(nlp(text).cats.items()))
        sure = confidence >= _ACTED_ON
        count += 1
        right += found == intent
        served += (
            not sure or found == intent if intent == OUT_OF_SCOPE else found == intent and sure
        )
    return Score(right=right / count, served=served / count)


def versions_dir(folder: Path, cache_dir: Path) -> Path:
    """Where what was learnt in each version of `folder`'s model is kept."""
    return cache_dir / folder.parent.name / "versions" / folder.name


def restore(folder: Path, cache_dir: Path, version: str) -> None:
    """Have learnt again what `version` had. Raises NotLearnt."""
    kept = versions_dir(folder, cache_dir) / version / LEARNED
    try:
        text = kept.read_text("utf-8")
    except OSError:
        known = ", ".join(sorted(path.name for path in kept.parent.parent.glob("*"))) or "none"
        raise NotLearnt(
            f"No version {version!r} of {folder.name} is kept.", remedy=f"Kept are: {known}."
        ) from None
    _put(folder / LEARNED, text)


def _frozen(folder: Path) -> list[tuple[str, str]]:
    if not any((folder / FROZEN).glob("*.y*ml")):
        raise NotLearnt(
            f"{folder / FROZEN} holds no frozen test set to judge a new model by.",
            remedy="Put sentences there, in the form of the training data, that are never taught.",
        )
    data = load_training_data(folder / FROZEN)
    return [(intent, one.text) for intent, many in data.intents.items() for one in many]


def _fresh(examples: Labelled, data: TrainingData, frozen: Sequence[tuple[str, str]]) -> Labelled:
    known = {_same(one.text) for many in data.intents.values() for one in many}
    known |= {_same(text) for _, text in frozen}
    fresh = []
    for intent, example in examples:
        if intent not in data.intents:
            close = difflib.get_close_matches(intent, data.intents, n=1)
            hint = f"Did you mean {close[0]}?" if close else "Give it examples in nlu.yml first."
            raise NotLearnt(f"The intent {intent!r} is unknown.", remedy=hint)
        if _same(example.text) in known:
            continue
        known.add(_same(example.text))
        fresh.append((intent, _writable(example)))
    return fresh


def _same(text: str) -> str:
    return " ".join(text.lower().split())


def _writable(example: Example) -> Example:
    """`example`, without its marks where the format has no line for it."""
    try:
        write_example(example)
    except BadAnnotation:
        plain = example.text.replace("[", "(").replace("]", ")")
        return Example(text=" ".join(plain.split()))
    return example


def _joined(old: TrainingData, fresh: Labelled) -> TrainingData:
    intents: dict[str, tuple[Example, ...]] = dict(old.intents)
    for intent, example in fresh:
        intents[intent] = (*intents.get(intent, ()), example)
    return TrainingData(
        intents=intents, synonyms=old.synonyms, lookups=old.lookups, patterns=old.patterns
    )


def _keep_version(versions: Path, text: str, verdict: Verdict, now: datetime) -> None:
    folder = versions / verdict.version
    folder.mkdir(parents=True, exist_ok=True)
    report: Mapping[str, object] = {"at": now.isoformat(timespec="milliseconds"), **asdict(verdict)}
    (folder / "verdict.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (folder / LEARNED).write_text(text, encoding="utf-8")


def _put(path: Path, text: str) -> None:
    """Whole or not at all: a worker may start at this moment."""
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)
