"""The caller's task: begun, and let go of."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ivr.dialogue.turn import Turn


def forget_task(
    turn: Turn, *, keep_lasting: bool, task: str = "", offered: tuple[tuple[str, str], ...] = ()
) -> None:
    """Let go of what the last task was about; lasting slots stay unless all is to go. The next
    task is `task`, for which `offered` was told already.
    """
    state = turn.state
    lasting = turn.flow.lasting_slots if keep_lasting else frozenset()
    turn.change(
        task=task,
        slots={name: value for name, value in state.slots.items() if name in lasting},
        secrets={name: value for name, value in state.secrets.items() if name in lasting},
        offered=offered,
        visits={},
    )


def begin_task(turn: Turn, intent: str, entities: tuple[tuple[str, str], ...]) -> None:
    """Turn to what the caller wants now; what their sentence told already is kept for later."""
    forget_task(turn, keep_lasting=True, task=intent, offered=entities)
