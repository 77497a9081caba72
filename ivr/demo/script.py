"""What the demo's caller does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing the caller says or keys, once the bot has been heard out, or, with
    `interrupt_ms`, so long after the bot has begun to speak."""

    say: str = ""
    keys: str = ""
    interrupt_ms: float | None = None


SCRIPT = (
    Line(keys="1"),
    Line(say="what is my balance"),
    Line(say="four four seven one two three"),
    Line(say="what is the weather today"),
    Line(say="i want to block my card", interrupt_ms=1500),
    Line(say="my credit card"),
    Line(say="one two three four"),
    Line(say="yes"),
    Line(say="no thank you"),
)

GOALS = ("balance", "block", "goodbye")
"""Words that the bot must have said, for the caller to have got what they came for."""
