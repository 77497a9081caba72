"""What came of a scenario."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from ivr.scenarios.judge import Answer, Mismatch, judge
from ivr.scenarios.scenario import Level, Step
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


def count(outcomes: Sequence[Outcome], verdict: Verdict) -> int:
    """How many came out so."""
    return sum(outcome.verdict == verdict for outcome in outcomes)
