"""Which numbers may be called back: those that begin as the flow allows, and never an emergency or
premium number. Pure.

Emergency numbers by ITU-T E.161.1 and national lists; premium and special ranges by the
national numbering plans of E.164 countries, and the universal ones (+979) by E.169.2.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_EMERGENCY = frozenset(
    "000 061 091 092 100 101 102 103 104 108 110 111 112 113 114 115 117 118 119 120 122 144 155 "
    "190 191 192 193 197 199 911 912 993 995 997 998 999".split()
)
_PREMIUM = (
    # universal premium, satellites and networks of their own
    "+979", "+870", "+881", "+882", "+883", "+888",
    # by country code: North America, Britain, Spain, Germany, France
    "+1900", "+1976", "+449", "+4487", "+34803", "+34806", "+34807", "+34905", "+49900", "+3389",
    # as they are dialled within a country, with its trunk prefix
    "1900", "1976", "0900", "0906", "0907", "0908", "0909", "0870", "0871", "0872", "0873",
)  # fmt: skip
_SHORTEST, _LONGEST = 6, 15
"""Digits; E.164 allows 15. What is shorter is a short code: charged specially, if not worse."""
_NUMBER = re.compile(r"\+?[0-9]+")


def normalised(number: str) -> str:
    """`number` without what people write between digits; "00" in front becomes "+"."""
    plain = re.sub(r"[ ().\-/]", "", number)
    return f"+{plain[2:]}" if plain.startswith("00") else plain


def is_emergency(number: str) -> bool:
    """Whether it is an emergency number, however it is written."""
    digits = re.sub(r"[^0-9]", "", number)
    return digits in _EMERGENCY


def is_premium(number: str) -> bool:
    """Whether calls to it are charged specially."""
    return normalised(number).startswith(_PREMIUM)


def may_dial(number: str, allowed: Sequence[str]) -> bool:
    """Whether a flow that allows numbers beginning with `allowed` may have `number` called."""
    plain = normalised(number)
    if not _NUMBER.fullmatch(plain) or not plain.isascii():
        return False
    if not _SHORTEST <= len(plain.lstrip("+")) <= _LONGEST or is_emergency(plain):
        return False
    if is_premium(plain):
        return False
    return any(plain.startswith(normalised(start)) for start in allowed)
