"""What can be wrong with a flow file, said so that its author can mend it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from ivr.errors import IvrError


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong in a flow file: where, what, and what to do about it."""

    file: str
    line: int
    what: str
    suggestion: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what} {self.suggestion}".rstrip()


class FlowError(IvrError):
    """A flow that cannot be used: `faults` has at least one, in the order of the file's lines."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        first = self.faults[0]
        remedy = first.suggestion
        more = len(self.faults) - 1
        if more:
            others = "There is 1 more fault" if more == 1 else f"There are {more} more faults"
            remedy = f"{remedy} {others}: `ivrctl flow check {first.file}` lists all.".strip()
        super().__init__(f"{first.file}:{first.line}: {first.what}", remedy=remedy)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Suggest the known word that `word` may have meant, else list the known ones."""
    choices = sorted(set(known))
    close = get_close_matches(word, choices, n=1, cutoff=0.6)
    if close:
        return f'Did you mean "{close[0]}"?'
    if not choices:
        return "None is defined."
    shown = ", ".join(choices[:12]) + (", ..." if len(choices) > 12 else "")
    return f"Known are: {shown}."
