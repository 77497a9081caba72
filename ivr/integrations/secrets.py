"""Secrets by reference: a configuration names them and never holds them."""

from __future__ import annotations

import os
from pathlib import Path

from ivr.errors import IvrError

_LONGEST = 8192


def secret(reference: str) -> str:
    """What "env:NAME" or "file:/run/secrets/name" refers to. Raises IvrError, never with the
    secret in it.
    """
    kind, _, name = reference.partition(":")
    if kind == "env" and name:
        value = os.environ.get(name, "")
        if not value:
            raise IvrError(f"The secret {reference} is not set.", remedy=f"Set {name}.")
    elif kind == "file" and name:
        try:
            value = Path(name).read_text(encoding="utf-8")[:_LONGEST].strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise IvrError(
                f"The secret {reference} cannot be read: {reason}.", remedy="Check the file."
            ) from None
    else:
        raise IvrError(
            "A secret stands in the configuration itself.",
            remedy='Refer to it: "env:BANK_TOKEN" or "file:/run/secrets/bank_token".',
        )
    if not value or not value.isprintable():
        raise IvrError(
            f"The secret {reference} is empty or no single line.", remedy="Check what is in it."
        )
    return value
