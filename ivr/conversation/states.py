"""The states of a conversation, and which may follow which, as one table."""

from __future__ import annotations

import enum
from collections.abc import Callable

import structlog

_log = structlog.get_logger()


class ConversationState(enum.Enum):
    """Where a call stands, as operators see it."""

    CALL_INITIATED = "call_initiated"
    """The switch has handed us the call; nothing has been said."""
    GREETING = "greeting"
    """The first words (or, after a takeover, the bridging sentence) are being spoken."""
    LISTENING = "listening"
    """The caller has the floor."""
    PROCESSING = "processing"
    """The caller has finished; we understand, ask integrations, decide."""
    RESPONDING = "responding"
    """The answer is being spoken."""
    CLARIFYING = "clarifying"
    """We did not understand and ask again."""
    CONSULTING = "consulting"
    """An agent is being asked whether they take the caller, who hears music."""
    TERMINATING = "terminating"
    """The last words are being spoken; then the call ends or goes to an agent."""
    ERROR = "error"
    """Something of ours failed; the caller hears an apology."""


S = ConversationState

NEXT: dict[ConversationState, frozenset[ConversationState]] = {
    S.CALL_INITIATED: frozenset({S.GREETING, S.TERMINATING, S.ERROR}),
    S.GREETING: frozenset({S.LISTENING, S.PROCESSING, S.CONSULTING, S.TERMINATING, S.ERROR}),
    S.LISTENING: frozenset({S.PROCESSING, S.CONSULTING, S.TERMINATING, S.ERROR}),
    S.PROCESSING: frozenset(
        {S.RESPONDING, S.CLARIFYING, S.LISTENING, S.CONSULTING, S.TERMINATING, S.ERROR}
    ),
    S.RESPONDING: frozenset({S.LISTENING, S.PROCESSING, S.CONSULTING, S.TERMINATING, S.ERROR}),
    S.CLARIFYING: frozenset({S.LISTENING, S.PROCESSING, S.CONSULTING, S.TERMINATING, S.ERROR}),
    S.CONSULTING: frozenset({S.RESPONDING, S.TERMINATING, S.ERROR}),
    S.ERROR: frozenset({S.LISTENING, S.PROCESSING, S.TERMINATING}),
    S.TERMINATING: frozenset({S.RESPONDING}),
}
"""A refused transfer leads from TERMINATING, or from CONSULTING, back to RESPONDING; nothing else
leaves TERMINATING."""


def may_follow(before: ConversationState, after: ConversationState) -> bool:
    """Whether the table allows `after` to follow `before` (staying is always allowed)."""
    return before is after or after in NEXT[before]


class Whereabouts:
    """Where one conversation stands. `on_change` is told of each new state."""

    def __init__(self, on_change: Callable[[ConversationState], None]) -> None:
        self.state = ConversationState.CALL_INITIATED
        self._on_change = on_change

    def go(self, where: ConversationState) -> None:
        """Be in `where` from now on; what the table does not allow is logged, and done."""
        if where is self.state:
            return
        if not may_follow(self.state, where):
            _log.error("state_out_of_order", before=self.state.value, after=where.value)
        self.state = where
        self._on_change(where)
