"""Outcomes made into figures: percentiles of what was waited, rates with their intervals. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ivr.benchmarks.turns.judge import Outcome
from ivr.benchmarks.turns.turn import Kind

_Z95 = 1.959964


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` of `of`, with the bounds between which the true share lies in 95 of 100 cases
    (Wilson 1927, Journal of the American Statistical Association 22:209-212)."""

    count: int
    of: int

    @property
    def share(self) -> float:
        """0..1; 0 of none."""
        return self.count / self.of if self.of else 0.0

    @property
    def bounds(self) -> tuple[float, float]:
        """Lower and upper, 0..1."""
        if not self.of:
            return 0.0, 1.0
        share, n, z = self.share, self.of, _Z95
        middle = share + z * z / (2 * n)
        half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
        scale = 1 + z * z / n
        return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)

    def as_json(self) -> dict[str, float]:
        """Count, number and interval."""
        low, high = self.bounds
        return {"count": self.count, "of": self.of, "low": round(low, 4), "high": round(high, 4)}


@dataclass(frozen=True, slots=True)
class Waits:
    """Percentiles of waits in ms."""

    values: tuple[float, ...]

    def percentile(self, share: float) -> float | None:
        """The value that `share` (0..100) of them do not exceed; None of none."""
        if not self.values:
            return None
        return round(float(np.percentile(np.asarray(self.values), share)), 1)

    def as_json(self) -> dict[str, float | int | None]:
        """As `ivrctl bench latency --json` prints them."""
        return {
            "p50_ms": self.percentile(50),
            "p95_ms": self.percentile(95),
            "n": len(self.values),
        }


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of all turns."""

    outcomes: tuple[Outcome, ...]

    def waits(self, kind: Kind) -> Waits:
        """The answer gaps of a kind; of barge-ins, from the caller's first sample to the pause."""
        found = [each.stop_ms if kind is Kind.BARGE_IN else each.gap_ms for each in self._of(kind)]
        return Waits(tuple(value for value in found if value is not None))

    @property
    def false_cutoffs(self) -> Rate:
        """Of the answers: the bot spoke for over 200 ms while the caller went on."""
        return self._rate(lambda one: one.kind.is_answer, lambda one: one.cut_off)

    @property
    def false_starts(self) -> Rate:
        """Of the answers: the bot made any sound before the caller's last sample."""
        return self._rate(lambda one: one.kind.is_answer, lambda one: one.early_ms > 0)

    @property
    def false_bargeins(self) -> Rate:
        """Of the disturbances: the bot gave up what it was saying."""
        return self._rate(lambda one: one.kind.is_disturbance, lambda one: one.committed)

    @property
    def paused_and_resumed(self) -> Rate:
        """Of all turns: the bot paused for nothing, and went on."""
        return self._rate(
            lambda one: True, lambda one: one.kind.is_disturbance and one.paused and one.resumed
        )

    @property
    def missed_bargeins(self) -> Rate:
        """Of the barge-ins: the bot spoke on, or took up again what it was saying."""
        return self._rate(lambda one: one.kind is Kind.BARGE_IN, lambda one: not one.committed)

    @property
    def unanswered(self) -> Rate:
        """Of the answers and keys: the bot said nothing, or something stood in the way."""
        return self._rate(
            lambda one: one.kind.is_answer or one.kind is Kind.KEYS,
            lambda one: one.gap_ms is None,
        )

    def by_sort(self) -> dict[str, Figures]:
        """The same for each sort of turn."""
        sorts = dict.fromkeys(each.sort for each in self.outcomes)
        return {
            sort: Figures(tuple(each for each in self.outcomes if each.sort == sort))
            for sort in sorts
        }

    def as_json(self) -> dict[str, Any]:
        """The document of `ivrctl bench latency --json`."""
        rates = {
            "false_cutoff": self.false_cutoffs,
            "false_bargein": self.false_bargeins,
            "paused_and_resumed": self.paused_and_resumed,
            "false_start": self.false_starts,
            "missed_bargein": self.missed_bargeins,
            "unanswered": self.unanswered,
        }
        return {
            **{
                kind.value: self.waits(kind).as_json()
                for kind in (Kind.CLOSED, Kind.OPEN, Kind.KEYS, Kind.BARGE_IN)
            },
            **{f"{name}_rate": round(rate.share, 4) for name, rate in rates.items()},
            "intervals": {name: rate.as_json() for name, rate in rates.items()},
        }

    def _of(self, kind: Kind) -> Sequence[Outcome]:
        return [each for each in self.outcomes if each.kind is kind]

    def _rate(self, among: Callable[[Outcome], bool], counted: Callable[[Outcome], bool]) -> Rate:
        found: Iterable[Outcome] = [each for each in self.outcomes if among(each)]
        return Rate(sum(counted(each) for each in found), len(list(found)))
