"""Which words a model can hear at all, read without loading it: for checks of flows."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from ivr.speech.recognition.grammar import UNKNOWN

_NO_WORDS = frozenset({"<eps>", "<s>", "</s>", "!sil", "sil", "<sil>"}) | UNKNOWN


def vocabulary(path: Path) -> frozenset[str] | None:
    """Return the words that the model in folder `path` knows; None where it does not say.

    From `graph/words.txt` (or `words.txt` in older models): a word and its number a line.
    """
    return _words(path.resolve())


@lru_cache(maxsize=8)
def _words(path: Path) -> frozenset[str] | None:
    for file in (path / "graph" / "words.txt", path / "words.txt"):
        try:
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        words = (line.split(maxsplit=1)[0] for line in lines if line.strip())
        return frozenset(
            word for word in words if word.lower() not in _NO_WORDS and not word.startswith("#")
        )
    return None
