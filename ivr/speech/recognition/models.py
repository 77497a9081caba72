"""The recognition models that are there, and which one hears each language."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ivr.errors import IvrError
from ivr.settings import Settings
from ivr.speech.recognition.catalogue import rank
from ivr.speech.recognition.install import CARD
from ivr.speech.recognition.model_folder import missing_parts

BUNDLED: Mapping[str, str] = {"vosk-ivr-en-8k": "en"}
"""What comes with the project: name and language. Small; the last to be chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalModel:
    """A model on this machine."""

    name: str
    language: str
    path: Path
    bundled: bool = False


def local_models(settings: Settings) -> list[LocalModel]:
    """Return the models that are there, by language, the preferred one of each first."""
    found = [
        LocalModel(
            name=name, language=language, path=settings.bundled_models_dir / name, bundled=True
        )
        for name, language in BUNDLED.items()
        if not missing_parts(settings.bundled_models_dir / name)
    ]
    installed = settings.installed_models_dir
    if installed.is_dir():
        found += [
            model
            for folder in installed.iterdir()
            if not folder.name.startswith(".") and (model := _installed(folder)) is not None
        ]
    return sorted(
        found, key=lambda model: (model.language, model.bundled, rank(model.name), model.name)
    )


def models_for(settings: Settings, chosen: Mapping[str, str] | None = None) -> dict[str, Path]:
    """Return the folder of the model for each language: installed ones before the bundled one.

    `chosen` names the model to use for a language, against that order. Raises IvrError when a
    model that was chosen is not there, and when there is no model at all.
    """
    there = local_models(settings)
    models: dict[str, Path] = {}
    for model in there:
        models.setdefault(model.language, model.path)
    for language, name in (chosen or {}).items():
        named = [model for model in there if model.name == name]
        if not named:
            raise IvrError(
                f"The recognition model {name!r}, chosen for {language!r}, is not installed.",
                remedy=f"Install it with: ivrctl models install {name}.",
            )
        models[language] = named[0].path
    if not models:
        raise IvrError(
            f"There is no recognition model in {settings.installed_models_dir}.",
            remedy="Install one with: ivrctl models install vosk-model-small-en-us-0.15.",
        )
    return models


def _installed(folder: Path) -> LocalModel | None:
    """The model in `folder`; None for what has not been installed by us, or not wholly."""
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        language = card["language"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not isinstance(language, str) or missing_parts(folder):
        return None
    return LocalModel(name=folder.name, language=language, path=folder)
