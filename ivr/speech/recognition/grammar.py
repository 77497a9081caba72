"""What a caller may say, made into a grammar that Vosk takes."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Sequence

UNKNOWN = frozenset({"[unk]", "<unk>"})
"""What models call speech that is none of their words."""

_PUNCTUATION = '.,;:!?\u00bf\u00a1"()[]{}<>-\u2013\u2014\u2026\u0964'  # U+0964: danda


def words_of(phrase: str) -> list[str]:
    """Return the words of a phrase as models spell them: lower case, no punctuation."""
    plain = unicodedata.normalize("NFC", phrase).lower().replace("\u2019", "'")
    return [word.strip(_PUNCTUATION) for word in plain.split()]


def grammar(
    phrases: Sequence[str], knows: Callable[[str], bool]
) -> tuple[str | None, frozenset[str]]:
    """Return Vosk's grammar for `phrases` (JSON) and the words that the model does not know.

    Those words are left out, because Vosk would leave them out in silence; a way out for
    anything else ("[unk]") is always there. The grammar is None when nothing is left: the
    model's whole language is better than a grammar in which nothing can be said.
    """
    missing: set[str] = set()
    kept: dict[str, None] = {}
    for phrase in phrases:
        words = [word for word in words_of(phrase) if word]
        missing.update(word for word in words if not knows(word))
        kept[" ".join(word for word in words if word not in missing)] = None
    kept.pop("", None)
    if not kept:
        return None, frozenset(missing)
    return json.dumps([*kept, "[unk]"], ensure_ascii=False), frozenset(missing)
