"""Errors that people read.

    IvrError                what went wrong, and what to do about it
    └── (each room derives its own: FlowError, SynthesisFailed, ...)

The command line turns an IvrError into one sentence and exit status 2; nothing else of ours
may reach a person as a traceback.
"""

from __future__ import annotations


class IvrError(Exception):
    """Something a person can mend.

    `what` says what is wrong in one sentence, naming file and line where there is one;
    `remedy` says what to do about it.
    """

    def __init__(self, what: str, *, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what} {self.remedy}".strip()
