"""What must be in PostgreSQL when a call is over."""

from __future__ import annotations

from uuid import UUID

from ivr.storage.record import TurnTaken
from tests.e2e.stack import Stack, until


def assert_recorded_once(stack: Stack, call_id: UUID, *, within_s: float = 20.0) -> list[TurnTaken]:
    """Wait for the call's end in PostgreSQL; then every turn that a worker told of in its log is
    there, whole and once, and nothing else. Returns the turns.
    """
    call = stack.call(call_id, within_s=within_s)
    told = [(entry["turn"], entry["who"], entry["text"]) for entry in stack.events("turn", call_id)]
    assert told, "the log tells of no turn"
    assert len({number for number, _, _ in told}) == len(told), f"a number came twice: {told}"

    def all_there() -> list[TurnTaken] | None:
        turns = stack.turns(call_id)
        return turns if len(turns) >= len(told) else None

    turns = until(all_there, within_s, f"{len(told)} turns of call {call_id} in PostgreSQL")
    assert [(turn.number, turn.who, turn.text) for turn in turns] == told
    assert call.turns == told[-1][0]
    assert not refused(stack, call_id), "a record was refused"
    return turns


def refused(stack: Stack, call_id: UUID) -> list[str]:
    """The call's lines that the database would not take, each with the reason."""
    files = stack.folder.glob("journal/refused-*")
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if str(call_id) in line]
