"""An agent is asked whether they take a caller: what they do, and what follows from it. Pure.

Rules it keeps:
- One is yes and two is no, at any time after they picked up, also into the question.
- Any other key is no answer, and the question is put again.
- Who says nothing is asked again, and after `most_asked` times the answer is no: a voicemail that
  picked up never presses one.
- It is decided once, by what happened first.

All times in ms on any monotonic scale.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

YES_KEY, NO_KEY = "1", "2"


class Outcome(enum.Enum):
    """How asking an agent ended."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    UNDECIDED = "undecided"
    """They picked up and never said yes or no."""
    UNANSWERED = "unanswered"
    """They did not pick up: busy, or it rang for too long."""
    AGENT_LEFT = "agent_left"
    """They picked up and hung up again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultRules:
    """How patient we are with an agent."""

    again_after_ms: float = 5000
    """Silence after the question until it is put again."""
    most_asked: int = 3
    picks_up_late_ms: float = 3000
    """The switch stops ringing by itself; so much later we no longer wait for it to say so."""


@dataclass(slots=True)
class Consulting:
    """One agent. Each method that takes an event returns whether the question is to be put now;
    `outcome` is set once it is decided."""

    ring_ms: float
    began_ms: float
    rules: ConsultRules = field(default_factory=ConsultRules)
    outcome: Outcome | None = None
    _asked: int = 0
    _heard_at: float | None = None
    _picked_up: bool = False

    def picked_up(self) -> bool:
        """They answer the phone."""
        if self._picked_up or self.outcome is not None:
            return False
        self._picked_up = True
        return self._ask()

    def heard(self, now_ms: float) -> bool:
        """The question has been heard to its end."""
        self._heard_at = now_ms
        return False

    def key(self, key: str) -> bool:
        """They press a key."""
        if self.outcome is not None or not self._picked_up:
            return False
        if key in (YES_KEY, NO_KEY):
            self.outcome = Outcome.ACCEPTED if key == YES_KEY else Outcome.DECLINED
            return False
        return self._ask()

    def tick(self, now_ms: float) -> bool:
        """Let time pass."""
        if self.outcome is not None:
            return False
        if not self._picked_up:
            if now_ms - self.began_ms >= self.ring_ms + self.rules.picks_up_late_ms:
                self.outcome = Outcome.UNANSWERED
            return False
        if self._heard_at is None or now_ms - self._heard_at < self.rules.again_after_ms:
            return False
        return self._ask()

    def unavailable(self) -> bool:
        """The switch says that nobody picked up."""
        self.outcome = self.outcome or Outcome.UNANSWERED
        return False

    def left(self) -> bool:
        """They hang up."""
        self.outcome = self.outcome or Outcome.AGENT_LEFT
        return False

    def _ask(self) -> bool:
        if self._asked >= self.rules.most_asked:
            self.outcome = Outcome.UNDECIDED
            return False
        self._asked += 1
        self._heard_at = None
        return True
