"""What the commands of `ivrctl nlu` share."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from ivr.errors import IvrError
from ivr.nlu.engines import ENGINES, IN_PROCESS
from ivr.nlu.model_cache import language_folders
from ivr.settings import load_settings

dir_option = click.option(
    "--dir",
    "nlu_dir",
    type=click.Path(path_type=Path),
    help="Folder with a subfolder of training data per language; default: the setting nlu_dir.",
)
language_option = click.option("--language", help="Only this language; default: all there are.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
engine_option = click.option(
    "--engine", type=click.Choice(ENGINES), default="spacy", show_default=True
)
local_engine_option = click.option(
    "--engine", type=click.Choice(IN_PROCESS), default="spacy", show_default=True
)


def chosen_dir(given: Path | None) -> Path:
    """`--dir`, or the setting."""
    return given if given is not None else load_settings().nlu_dir


def cache_dir() -> Path:
    """Where trained models are kept."""
    return load_settings().var_dir / "nlu"


def folders(nlu_dir: Path | None, language: str | None) -> dict[str, Path]:
    """The folders of training data by language: all, or the one of `language`."""
    found = language_folders(chosen_dir(nlu_dir))
    if language is None:
        return found
    if language not in found:
        raise unknown_language(language, found.keys())
    return {language: found[language]}


def unknown_language(language: str, known: Iterable[str]) -> IvrError:
    """What to tell of a language without training data."""
    return IvrError(
        f"There is no training data for language {language!r}.",
        remedy=f"Choose one of {', '.join(sorted(known))}, or add a folder for it.",
    )
