"""What came of a scenario."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from ivr.scenarios.judge import Answer, Mismatch, judge
from ivr.scenarios.scenario import Level, Step, spoken_parts
from ivr.scenarios.scenario_file import Loaded

Verdict = Literal["passed", "failed", "skipped"]


@dataclass(slots=True, kw_only=True)
class Outcome:
    """One scenario at one level. `why`: why it was skipped, or could not go on."""

    loaded: Loaded
    level: Level
    times: bool = False
    """Whether `within_ms` is judged."""
    seconds: float = 0.0
    why: str = ""
    skipped: bool = False
    answers: list[tuple[Step, Answer]] = field(default_factory=list)
    mismatches: list[Mismatch] = field(default_factory=list)
    tries: int = 1
    """How often it was played: see `How.again`."""

    @property
    def verdict(self) -> Verdict:
        """Whether all was as it had to be."""
        if self.skipped:
            return "skipped"
        return "failed" if self.why or self.mismatches else "passed"

    @property
    def gaps_ms(self) -> list[float]:
        """Every gap that was measured, in order."""
        return [answer.gap_ms for _, answer in self.answers if answer.gap_ms is not None]

    @property
    def misheard(self) -> bool:
        """Whether some words were heard otherwise than they were said."""
        return any(heard_otherwise(step, answer) is not None for step, answer in self.answers)

    def begin_again(self) -> None:
        """Forget how it went."""
        self.tries += 1
        self.why = ""
        self.answers = []
        self.mismatches = []

    def note(self, step: Step, answer: Answer) -> bool:
        """Take a step's answer; returns whether it was as it had to be."""
        found = judge(
            step.expect,
            answer,
            step=len(self.answers),
            never=self.loaded.scenario.never,
            times=self.times,
        )
        self.answers.append((step, answer))
        self.mismatches += found
        return not found

    def note_bank(self, done: dict[str, int]) -> None:
        """Hold what the bank has done against what it had to do."""
        for name, expected in self.loaded.scenario.bank.items():
            if done.get(name) != expected:
                self.mismatches.append(
                    Mismatch(
                        place=("bank", name),
                        what=f"bank {name}",
                        expected=str(expected),
                        came=str(done.get(name)),
                    )
                )


def heard_otherwise(step: Step, answer: Answer) -> str | None:
    """What was heard, where that is not what was said."""
    words = answer.understood
    if words is None or words == " ".join(spoken_parts(step.say or "")).lower():
        return None
    return words


def count(outcomes: Sequence[Outcome], verdict: Verdict) -> int:
    """How many came out so."""
    return sum(outcome.verdict == verdict for outcome in outcomes)
