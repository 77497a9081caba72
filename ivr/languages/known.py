"""Which languages there are: those of this folder, and those that a flow brings along."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError

from ivr.errors import IvrError
from ivr.languages.language import Language

_HERE = Path(__file__).resolve().parent
_known: dict[str, Language] = {}


def language(code: str) -> Language:
    """The language `code`; one without any words where it is not known."""
    return _known.get(code) or _unknown(code)


def known_languages() -> dict[str, Language]:
    """Every known language by its code."""
    return dict(_known)


def learn(folder: Path) -> None:
    """Know the languages of `folder`, a file `<code>.json` each, from now on.

    A process has one language of a code: to learn the same again changes nothing. Raises IvrError
    where a file cannot be used, or tells otherwise of a language than is known.
    """
    for path in sorted(folder.glob("*.json")):
        found = _read(path)
        before = _known.setdefault(found.code, found)
        if before != found:
            raise IvrError(
                f'{path}: the language "{found.code}" is known already, and otherwise.',
                remedy="Change the file that there is, or choose another code.",
            )


def _read(path: Path) -> Language:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        found = Language.model_validate(data)
    except OSError as error:
        raise IvrError(f"{path} cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise IvrError(
            f'{path}: "{where}" is wrong: {first["msg"].lower()}.',
            remedy="See docs/languages.md.",
        ) from None
    except ValueError as error:
        raise IvrError(f"{path} is no JSON: {error}.", remedy="Mend the file.") from None
    if found.code != path.stem:
        raise IvrError(
            f'{path} tells of the language "{found.code}".', remedy="Name the file like its code."
        )
    return found


@lru_cache(maxsize=64)
def _unknown(code: str) -> Language:
    return Language.unknown(code)


learn(_HERE)
