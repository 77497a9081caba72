"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`level` "warning" is worth knowing, "wrong" will be heard by callers or used by others."""

    check: str
    level: Level
    text: str
    remedy: str = ""


def well(check: str, text: str) -> Finding:
    """All is well."""
    return Finding(check=check, level="ok", text=text)
