"""What may be logged of what an integration said: nothing of ours that is secret, nothing that
looks like a card or an account.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

HIDDEN = "[hidden]"
_DIGITS = re.compile(r"\d(?:[ -]?\d){3,}")
_SHORTEST = 3
"""Shorter values say nothing by themselves, and hiding them would hide every word."""
_LONGEST = 200


def redacted(text: str, secrets: Iterable[str]) -> str:
    """`text` on one line, without any of `secrets` and without numbers of four digits or more."""
    for value in sorted(set(secrets), key=len, reverse=True):
        if len(value) >= _SHORTEST:
            text = text.replace(value, HIDDEN)
    plain = "".join(char if char.isprintable() else " " for char in text)
    return _DIGITS.sub(HIDDEN, plain)[:_LONGEST]


def values_of(body: Any) -> Iterator[str]:
    """Every text within a request's body."""
    if isinstance(body, str):
        yield body
    elif isinstance(body, dict):
        for value in body.values():
            yield from values_of(value)
