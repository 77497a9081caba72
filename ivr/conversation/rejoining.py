"""When the end of a turn was none: the caller goes on, and has heard next to nothing of our
answer. Then the answer is taken back, and both halves are one turn. Pure."""

from __future__ import annotations

from ivr.conversation.rules import TurnRules


def may_go_on(rules: TurnRules, *, since_end_ms: float, bot_heard_ms: float) -> bool:
    """Whether speech may be the rest of a turn that was taken to be over `since_end_ms` ago, when
    so much of the answer to it was heard."""
    return since_end_ms <= rules.rejoin_ms and bot_heard_ms <= rules.rejoin_heard_ms
