"""The ladder of repair as one table: what goes wrong in a dialogue, and what is done at the first
time, the second, and so on. The last rung of a line is final.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Trouble(StrEnum):
    """What can go wrong between a caller and us."""

    NOT_UNDERSTOOD = "not_understood"
    """The recogniser or the interpreter was not sure enough, or nothing was made out."""
    MISFIT = "misfit"
    """An answer of the right kind that cannot be used: too few digits, no such key."""
    UNKNOWN_INTENT = "unknown_intent"
    """The caller surely wants something, and this flow does not know it."""
    OUT_OF_SCOPE = "out_of_scope"
    """The caller surely wants what is no business of ours."""
    INSULTED = "insulted"
    """The caller swears at us, and says nothing else."""
    BAD_LINE = "bad_line"
    """Not understood, on a line that was measured to be bad."""
    SILENCE = "silence"
    NO_AGENT = "no_agent"
    """An agent is needed, and none can be had."""


class Level(StrEnum):
    """What is done about it, from the least to the last."""

    RETRY = "retry"
    """The question again, in other words."""
    SIMPLER = "simpler_request"
    """The question again, with an example of what can be said."""
    HELP = "generic_help"
    """What can be done here, with examples."""
    OTHER_PATH = "other_path"
    """The same by keys."""
    AGENT = "agent"
    GOODBYE = "goodbye_with_callback"
    """An honest goodbye; a call back where the flow offers one."""


LADDER: Mapping[Trouble, tuple[Level, ...]] = {
    Trouble.NOT_UNDERSTOOD: (Level.RETRY, Level.SIMPLER, Level.OTHER_PATH, Level.AGENT),
    Trouble.MISFIT: (Level.RETRY, Level.OTHER_PATH, Level.AGENT),
    Trouble.UNKNOWN_INTENT: (Level.HELP, Level.SIMPLER, Level.OTHER_PATH, Level.AGENT),
    Trouble.OUT_OF_SCOPE: (Level.HELP, Level.HELP, Level.OTHER_PATH, Level.AGENT),
    Trouble.INSULTED: (Level.RETRY, Level.RETRY, Level.AGENT),
    Trouble.BAD_LINE: (Level.OTHER_PATH, Level.OTHER_PATH, Level.AGENT),
    Trouble.SILENCE: (Level.RETRY, Level.OTHER_PATH, Level.GOODBYE),
    Trouble.NO_AGENT: (Level.GOODBYE,),
}


def level(trouble: Trouble, rung: int) -> Level:
    """What is done about `trouble` when it happens for the `rung`th time, counted from 1."""
    rungs = LADDER[trouble]
    return rungs[min(max(rung, 1), len(rungs)) - 1]
