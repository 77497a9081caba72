"""Whether a number of digits checks: a slip of the finger or of the ear is then found at once.

luhn       payment cards: ISO/IEC 7812-1 annex B
verhoeff   Indian Aadhaar numbers: J. Verhoeff, Error Detecting Decimal Codes, 1969
mod97      two check digits at the end: ISO/IEC 7064, MOD 97-10
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

Checksum = Literal["luhn", "verhoeff", "mod97"]

# The dihedral group D5: _TIMES[a][b] is a * b, and _PERMUTED[n] its permutation at place n.
_TIMES = tuple(
    tuple(
        (a + b) % 5 + (5 if b >= 5 else 0) if a < 5 else (a - b) % 5 + (5 if b < 5 else 0)
        for b in range(10)
    )
    for a in range(10)
)
_ONCE = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def checks(digits: str, checksum: Checksum) -> bool:
    """Whether `digits`, ASCII and its check digits last, has the checksum it should."""
    return len(digits) > 1 and _CHECKS[checksum](digits)


def _luhn(digits: str) -> bool:
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = int(char) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _verhoeff(digits: str) -> bool:
    check = 0
    for place, char in enumerate(reversed(digits)):
        value = int(char)
        for _ in range(place % 8):
            value = _ONCE[value]
        check = _TIMES[check][value]
    return check == 0


def _mod97(digits: str) -> bool:
    return int(digits) % 97 == 1


_CHECKS: Mapping[str, Callable[[str], bool]] = {
    "luhn": _luhn,
    "verhoeff": _verhoeff,
    "mod97": _mod97,
}
