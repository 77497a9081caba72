"""What was asked of the world, and whose outcome nobody knows for certain."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from ivr.dialogue.turn import Turn


class Change(BaseModel):
    """A change of the world that was asked for, and whose outcome is not known for certain.

    `fingerprint` stands for what was asked: the same again keeps its `key`, so that a server
    that honours idempotency keys does it once.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    fingerprint: str


def intend(turn: Turn, node: str, told: Mapping[str, str | None]) -> Change:
    """Note that `node` is to change the world as `told` says, under a key: what is in doubt and
    asked again keeps its own.
    """
    state = turn.state
    canonical = json.dumps(sorted(told.items()))
    fingerprint = hashlib.sha256(canonical.encode()).hexdigest()
    change = state.changes.get(node)
    if change is None or change.fingerprint != fingerprint:
        change = Change(key=turn.new_id(), fingerprint=fingerprint)
        turn.change(changes={**state.changes, node: change})
    return change


def settle(turn: Turn, node: str) -> None:
    """The outcome is known: the next request is another one, with another key."""
    changes = turn.state.changes
    if node in changes:
        turn.change(changes={name: one for name, one in changes.items() if name != node})
