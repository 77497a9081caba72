"""The figures of a load run: SIPp's, and those of the sampled calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ivr.load.probes import Probe
from ivr.load.sipp import SippResult

LATE_MS = 60.0
"""A gap from here on is heard as one: two frames are missing or late."""


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p95, p99 and the maximum, by linear interpolation; empty where there are no values."""
    if not values:
        return {}
    found = np.percentile(np.asarray(values), (50, 95, 99, 100))
    return {
        name: round(float(value), 1)
        for name, value in zip(("p50", "p95", "p99", "max"), found, strict=True)
    }


def figures(sipp: SippResult, probes: Sequence[Probe]) -> dict[str, Any]:
    """One JSON document."""
    gaps = [gap for probe in probes for gap in probe.frame_gaps_ms]
    causes = Counter(sipp.causes)
    causes.update(f"sample: {probe.failure}" for probe in probes if probe.failure)
    return {
        "calls": sipp.created,
        "succeeded": sipp.succeeded,
        "failed": sipp.failed,
        "failures_by_cause": dict(causes),
        "retransmissions": sipp.retransmissions,
        "setup_ms": percentiles(sipp.setup_ms),
        "sample": {
            "calls": len(probes),
            "setup_ms": percentiles([p.setup_ms for p in probes if p.setup_ms is not None]),
            "answer_gap_ms": percentiles([gap for p in probes for gap in p.answer_gaps_ms]),
            "frame_gap_ms": percentiles(gaps),
            "late_frames": sum(gap >= LATE_MS for gap in gaps),
            "frames": len(gaps),
            "heard": [text for probe in probes for text in probe.heard],
        },
    }
