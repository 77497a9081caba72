"""What a worker tells Prometheus. Observers beside the work: nothing here waits or raises.

Label values come from small closed sets, whatever a caller or a switch sends: anything else
counts as "other".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    ProcessCollector,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
"""Of what `Metrics.render` returns."""

CAUSES: Final = frozenset({"caller", "bot", "line", "never_spoke", "transfer", "worker", "fenced"})

_GAP_S = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.2, 1.5, 2.0, 3.0, 5.0)
_STAGE_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 1.0, 2.0)
_LAG_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.1, 0.3, 1.0)


class Metrics:
    """The measurements of one worker, in a registry of their own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._live = Gauge("ivr_calls_live", "Calls being answered now.", registry=self.registry)
        self._calls = Counter(
            "ivr_calls", "Calls that have ended.", ["cause"], registry=self.registry
        )
        self._turns = Counter("ivr_turns", "Turns taken.", ["who"], registry=self.registry)
        self._interrupted = Counter(
            "ivr_turns_interrupted",
            "Turns of the bot that callers cut short.",
            registry=self.registry,
        )
        self._taken_back = Counter(
            "ivr_turns_taken_back",
            "Turns of the bot that answered half a turn, and were taken back.",
            registry=self.registry,
        )
        self._paused = Counter(
            "ivr_bot_paused", "Times the bot paused for a sound.", registry=self.registry
        )
        self._released = Counter(
            "ivr_bot_released",
            "Times it went on, because that was nobody.",
            registry=self.registry,
        )
        self._gap = Histogram(
            "ivr_answer_gap_seconds",
            "From the end of the caller's speech or last key to the first sound of the answer.",
            buckets=_GAP_S,
            registry=self.registry,
        )
        self._stage = Histogram(
            "ivr_answer_stage_seconds",
            "Where the time goes between the caller's last sound and the answer's first.",
            ["stage"],
            buckets=_STAGE_S,
            registry=self.registry,
        )
        self._lag = Histogram(
            "ivr_playout_lag_seconds",
            "How late a frame left, against its 20 ms clock.",
            buckets=_LAG_S,
            registry=self.registry,
        )
        self._waiting = Gauge(
            "ivr_calls_waiting", "Callers who wait for a place.", registry=self.registry
        )
        self._turned_away = Counter(
            "ivr_calls_turned_away",
            "Callers who had no place: sent away, or to be called back.",
            ["how"],
            registry=self.registry,
        )
        self._lag_now = Gauge(
            "ivr_loop_lag_seconds",
            "How late the event loop is in one moment of four.",
            registry=self.registry,
        )
        self._synthesis = Counter(
            "ivr_synthesis_failures", "Answers that could not be spoken.", registry=self.registry
        )
        self._recogniser = Gauge(
            "ivr_recogniser_backlog_seconds",
            "What it takes one thread, about, to recognise what waits for a thread.",
            registry=self.registry,
        )
        self._records = Gauge(
            "ivr_records_backlog",
            "Records that PostgreSQL does not have yet.",
            registry=self.registry,
        )
        for cause in sorted(CAUSES | {"other"}):
            self._calls.labels(cause)
        for who in ("caller", "bot"):
            self._turns.labels(who)

    def call_began(self) -> None:
        """A call is answered."""
        self._live.inc()

    def call_ended(self, cause: str) -> None:
        """A call that began is over; `cause` is one of `CAUSES`."""
        self._live.dec()
        self._calls.labels(cause if cause in CAUSES else "other").inc()

    def began_to_wait(self) -> None:
        """A caller has no place yet."""
        self._waiting.inc()

    def waits_no_more(self) -> None:
        """A caller who had begun to wait has a place, or has gone."""
        self._waiting.dec()

    def turned_away(self, how: str) -> None:
        """A caller goes without having talked: "busy", or to be called back: "callback"."""
        self._turned_away.labels(how if how in ("busy", "callback") else "other").inc()

    def turn_taken(self, who: str, gap_ms: float | None = None) -> None:
        """A turn of "caller" or "bot"; `gap_ms` as in `TurnTaken`."""
        self._turns.labels(who if who in ("caller", "bot") else "other").inc()
        if gap_ms is not None and math.isfinite(gap_ms):
            self._gap.observe(gap_ms / 1000)

    def answered_in(self, stages_ms: Mapping[str, float]) -> None:
        """What each stage of an answer took, by its name (see `ivr.conversation.waterfall`)."""
        for stage, ms in stages_ms.items():
            self._stage.labels(stage).observe(ms / 1000)

    def turn_interrupted(self) -> None:
        """The caller interrupted the bot."""
        self._interrupted.inc()

    def turn_taken_back(self) -> None:
        """The caller went on, and the answer to half a turn was taken back."""
        self._taken_back.inc()

    def bot_paused(self) -> None:
        """The bot paused because somebody spoke."""
        self._paused.inc()

    def bot_released(self) -> None:
        """It was nobody, and the bot went on."""
        self._released.inc()

    def frame_left(self, lag_s: float) -> None:
        """A frame left `lag_s` after its time."""
        self._lag.observe(lag_s)

    def synthesis_failed(self) -> None:
        """An answer could not be spoken."""
        self._synthesis.inc()

    def watch_recogniser(self, backlog: Callable[[], float]) -> None:
        """Ask `backlog` whenever Prometheus asks us."""
        self._recogniser.set_function(_safe(backlog))

    def watch_lag(self, lag_s: Callable[[], float]) -> None:
        """Ask `lag_s` whenever Prometheus asks us."""
        self._lag_now.set_function(_safe(lag_s))

    def watch_records(self, backlog: Callable[[], float]) -> None:
        """Ask `backlog` whenever Prometheus asks us."""
        self._records.set_function(_safe(backlog))

    def render(self) -> str:
        """Everything, in the text format of Prometheus."""
        return generate_latest(self.registry).decode()


def _safe(value: Callable[[], float]) -> Callable[[], float]:
    def ask() -> float:
        try:
            return float(value())
        except Exception:  # noqa: BLE001 - one gauge must not take the page with it
            return math.nan

    return ask
