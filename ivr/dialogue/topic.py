"""What a caller was told, and may come back to: "tell me more about it"."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict


class Topic(BaseModel):
    """Something the caller was told: by which task, with which values, at which turn. `more`
    names the template that tells more about it, until it has been said.
    """

    model_config = ConfigDict(frozen=True)

    task: str
    slots: Mapping[str, str]
    turn: int
    more: str | None = None
