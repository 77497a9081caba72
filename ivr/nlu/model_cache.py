"""Trained pipelines on disk, trained when they are not there.

`cache_dir/<application>/<language>-<sha>`: the sha is of the training data, of the code that
learns from it and of the libraries and the encoder under it, so a stale model is never found. A
model appears whole, under its final name, or not at all, also when several workers train at once.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from ivr.errors import IvrError
from ivr.nlu.training_data import load_training_data

if TYPE_CHECKING:
    from spacy.language import Language

    from ivr.nlu.encoder import SentenceEncoder

_CODE = (
    "annotation", "calibration", "classifier", "features", "kernel", "linear", "numbers",
    "pipeline", "training_data", "vocabulary", "words",
)  # fmt: skip
VALIDATION = "validation"
"""A folder beside the training data with sentences to calibrate on, of the same form. Where there
is none, a part of the training data is set aside for it."""
_KEPT = 3
"""Models kept of a language; older ones are removed when a new one is trained."""

log = structlog.get_logger(__name__)


class ModelNotKept(IvrError):
    """The trained model cannot be written or found."""


def language_folders(nlu_dir: Path) -> dict[str, Path]:
    """The folders of training data by language code. Raises ModelNotKept where there is none."""
    folders = {
        path.name: path
        for path in sorted(nlu_dir.glob("*"))
        if path.is_dir() and any(path.glob("*.y*ml"))
    }
    if not folders:
        raise ModelNotKept(
            f"{nlu_dir} holds no training data.",
            remedy="Name a folder with a subfolder per language (en/nlu.yml), or set IVR_NLU_DIR.",
        )
    return folders


def model_path(folder: Path, cache_dir: Path, encoder: SentenceEncoder | None = None) -> Path:
    """Where the model of training data `folder` (application/language) lives."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    sources = [here / f"{name}.py" for name in _CODE]
    aside = (folder / VALIDATION).glob("*.y*ml")
    for path in (*sorted(folder.glob("*.y*ml")), *sorted(aside), *sources):
        content = path.read_bytes()
        digest.update(f"{path.parent.name}/{path.name} {len(content)}\n".encode() + content)
    digest.update(f"spacy {version('spacy')} numpy {version('numpy')}".encode())
    if encoder is not None:
        digest.update(encoder.name.encode())
    return cache_dir / folder.parent.name / f"{folder.name}-{digest.hexdigest()[:16]}"


def ready_pipeline(
    folder: Path,
    cache_dir: Path,
    *,
    encoder: SentenceEncoder | None = None,
    fresh: bool = False,
) -> Language:
    """The pipeline of `folder`, from the cache or, where it is absent or damaged, trained.

    `fresh` trains in any case. Raises BadTrainingData, ModelNotKept.
    """
    from ivr.nlu.pipeline import load_pipeline  # noqa: PLC0415 - imports spaCy

    path = model_path(folder, cache_dir, encoder)
    if not fresh and path.is_dir():
        try:
            return load_pipeline(path, encoder)
        except Exception as error:  # noqa: BLE001 - whatever a damaged file makes spaCy raise
            log.warning("nlu_model_damaged", path=str(path), error=repr(error))
    return _train(folder, path, encoder)


def _train(folder: Path, path: Path, encoder: SentenceEncoder | None) -> Language:
    from ivr.nlu.pipeline import train_pipeline  # noqa: PLC0415 - imports spaCy

    data = load_training_data(folder)
    if len(data.intents) < 2:
        raise ModelNotKept(
            f"{folder} has fewer than two intents.", remedy="Add examples of another intent."
        )
    aside = folder / VALIDATION
    validation = load_training_data(aside) if any(aside.glob("*.y*ml")) else None
    nlp = train_pipeline(data, folder.name, encoder=encoder, validation=validation)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=".training-", dir=path.parent))
        try:
            nlp.to_disk(unfinished)
            shutil.rmtree(path, ignore_errors=True)
            unfinished.rename(path)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as error:
        if not path.is_dir():  # else another worker was quicker
            raise ModelNotKept(
                f"The trained model cannot be kept at {path}: {error}.",
                remedy="Free some space or point IVR_VAR_DIR to a folder that can be written.",
            ) from None
    _remove_old(path, folder.name)
    return nlp


def _remove_old(path: Path, language: str) -> None:
    models = [found for found in path.parent.glob(f"{language}-*") if found != path]
    by_age = sorted(models, key=_modified, reverse=True)
    for old in by_age[_KEPT - 1 :]:
        shutil.rmtree(old, ignore_errors=True)


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # another worker removed it
        return 0.0
