"""What a call costs, as it was measured: `python -m bench.plan calibrate` writes costs.json, and
`ivrctl plan` reads it.

The model is linear, for each part of the system: something for being there, something for each
call that begins and ends, something for each second of a call, and more for each second in which
its caller speaks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ivr.errors import IvrError

TERMS = ("idle", "setup_s", "call", "talk")

DELIVERED = Path(__file__).with_name("costs.json")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PartCosts(_Strict):
    """One part: CPU seconds of one core a second ("cores"), or CPU seconds."""

    idle: float = Field(ge=0)
    """Cores without a call."""
    setup_s: float = Field(ge=0)
    """CPU seconds for the beginning and the end of a call."""
    call: float = Field(ge=0)
    """Cores for a call whose caller is silent."""
    talk: float = Field(ge=0)
    """CPU seconds more for a second in which its caller speaks."""

    def cores(self, calls: float, talk: float, calls_a_second: float, processes: int = 1) -> float:
        """Cores busy with `calls` at once, whose callers speak `talk` (0..1) of the time."""
        moving = calls * (self.call + talk * self.talk) + calls_a_second * self.setup_s
        return processes * self.idle + moving


class Costs(_Strict):
    """Every part, and where and when it was measured."""

    edge: PartCosts
    """Kamailio."""
    switch: PartCosts
    """Asterisk."""
    worker: PartCosts
    """A worker process with its speech synthesis."""
    stores: PartCosts
    """PostgreSQL and Redis."""
    measured_on: str
    measured_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One part of a measured run. `cores` were busy."""

    calls: float
    talk: float
    calls_a_second: float
    cores: float


def load_costs(path: Path = DELIVERED) -> Costs:
    """Read a file of costs. Raises IvrError where it is none."""
    try:
        return Costs.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise IvrError(
            f"{path} holds no measured costs: {str(error).splitlines()[0]}.",
            remedy="Make it with python -m bench.plan calibrate.",
        ) from None


def fit(observations: Sequence[Observation], terms: Sequence[str] = TERMS) -> PartCosts:
    """The costs, none below zero, that come nearest to what was observed, by the squares of what
    they are off in proportion. What is not among `terms` is known to cost nothing. Raises
    ValueError for fewer than four observations."""
    if len(observations) < 4:
        raise ValueError("four unknown costs need four observations at least")
    rows = np.array(
        [[1.0, each.calls_a_second, each.calls, each.calls * each.talk] for each in observations]
    )
    seen = np.array([each.cores for each in observations])
    weights = 1 / np.maximum(seen, 1e-4)
    rows, seen = rows * weights[:, None], seen * weights
    best, least = np.zeros(4), np.inf
    # Four columns: each choice of those that are not zero can be tried (Lawson and Hanson's
    # NNLS walks the same choices more cleverly).
    for count in range(1, len(terms) + 1):
        for chosen in combinations([TERMS.index(term) for term in terms], count):
            part, *_ = np.linalg.lstsq(rows[:, chosen], seen, rcond=None)
            if (part < 0).any():
                continue
            off = float(((rows[:, chosen] @ part - seen) ** 2).sum())
            if off < least - 1e-12:
                best, least = np.zeros(4), off
                best[list(chosen)] = part
    idle, setup_s, call, talk = (float(value) for value in best)
    return PartCosts(idle=idle, setup_s=setup_s, call=call, talk=talk)
