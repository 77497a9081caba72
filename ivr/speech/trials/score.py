"""How much of what was said was heard. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np


def word_errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """Return the fewest words to replace, leave out and put in to make `said` of `heard`
    (Levenshtein's distance).
    """
    row = list(range(len(heard) + 1))
    for at, word in enumerate(said, 1):
        before, row[0] = row[0], at
        for place, other in enumerate(heard, 1):
            change = before + (word != other)
            before, row[place] = row[place], min(change, row[place] + 1, row[place - 1] + 1)
    return row[-1]


@dataclass(slots=True)
class Score:
    """What came of a set of recordings. `seconds` are of sound, `cpu_s` of one core, `finals_ms`
    from the last sound to the final words.
    """

    recordings: int = 0
    words: int = 0
    errors: int = 0
    digits: int = 0
    digits_right: int = 0
    strings: int = 0
    strings_right: int = 0
    seconds: float = 0.0
    cpu_s: float = 0.0
    finals_ms: list[float] = field(default_factory=list)

    def add(
        self,
        said: Sequence[str],
        heard: Sequence[str],
        *,
        only_digits: bool,
        seconds: float,
        final_ms: float,
    ) -> None:
        """Count one recording."""
        self.recordings += 1
        self.words += len(said)
        self.errors += word_errors(said, heard)
        if only_digits:
            right = list(said) == list(heard)
            if len(said) == 1:
                self.digits += 1
                self.digits_right += right
            else:
                self.strings += 1
                self.strings_right += right
        self.seconds += seconds
        self.finals_ms.append(final_ms)

    @property
    def word_error_rate(self) -> float:
        """Word errors a word said; above 1 where more was heard than said."""
        return self.errors / self.words if self.words else float(self.errors > 0)

    def as_json(self) -> dict[str, float | int | None]:
        """Return the figures; None for those of which there are no recordings."""
        return {
            "recordings": self.recordings,
            "words": self.words,
            "word_error_rate": round(self.word_error_rate, 4),
            "digits": self.digits,
            "digits_right": _share(self.digits_right, self.digits),
            "strings": self.strings,
            "strings_right": _share(self.strings_right, self.strings),
            "seconds": round(self.seconds, 2),
            "core_per_speaker": round(self.cpu_s / self.seconds, 4) if self.seconds else None,
            "final_p50_ms": self._percentile(50),
            "final_p95_ms": self._percentile(95),
        }

    def _percentile(self, percent: float) -> float | None:
        if not self.finals_ms:
            return None
        return round(float(np.percentile(self.finals_ms, percent)), 1)


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
