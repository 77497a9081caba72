"""What of a text may reach an engine: words and punctuation, never commands.

espeak-ng takes commands inside the text: Ctrl-A and a letter changes pitch, rate or voice, and
other engines read SSML. Text here comes from templates that are filled with what callers and
other systems said, so both are taken out.
"""

from __future__ import annotations

import re
import unicodedata

MAX_TEXT = 2_000
"""Characters in one request: about two minutes of speech."""

_TAG = re.compile(r"</?[A-Za-z!?][^<>]{0,500}>")
_NOT_SPOKEN = frozenset({"Cc", "Cs", "Co", "Cn"})
_SPACE = re.compile(r"\s+")


def speakable(text: str) -> str:
    """`text` in NFC without markup, control characters, lone surrogates and double spaces."""
    plain = _TAG.sub(" ", text)
    plain = "".join(" " if unicodedata.category(c) in _NOT_SPOKEN else c for c in plain)
    return _SPACE.sub(" ", unicodedata.normalize("NFC", plain)).strip()
