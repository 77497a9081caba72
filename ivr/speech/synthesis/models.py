"""Which model of an engine speaks which language, as it is written in settings and commands."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from ivr.errors import IvrError
from ivr.speech.synthesis.engine import primary

_GIVEN = re.compile(r"(?P<language>[A-Za-z]{2,3}(?:[-_][A-Za-z]{2,4})?)=(?P<model>.+)")
_SAMPLED = 1 << 20


def parse_models(given: Sequence[str], kind: str) -> list[tuple[str | None, str]]:
    """(language, model) of each `[LANGUAGE=]PATH`; None where the model itself has to say.

    Raises IvrError where there is none.
    """
    if not given:
        raise IvrError(
            f"The engine {kind} needs a model, and none is named.",
            remedy=f"Name one: ivrctl tts serve --engine {kind} --model en=/path/of/model.",
        )
    found: list[tuple[str | None, str]] = []
    for one in given:
        match = _GIVEN.fullmatch(one)
        if match:
            found.append((primary(match["language"]), match["model"]))
        else:
            found.append((None, one))
    return found


def fingerprint(file: Path) -> str:
    """Eight letters that change when the model does: of its size, its beginning and its end.

    Raises IvrError when it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        size = file.stat().st_size
        digest.update(str(size).encode())
        with file.open("rb") as opened:
            digest.update(opened.read(_SAMPLED))
            if size > 2 * _SAMPLED:
                opened.seek(-_SAMPLED, 2)
            digest.update(opened.read(_SAMPLED))
    except OSError as error:
        raise IvrError(
            f"The speech model {file} cannot be read: {error.strerror or error}.",
            remedy="Name a model that is there (--model).",
        ) from None
    return digest.hexdigest()[:8]
