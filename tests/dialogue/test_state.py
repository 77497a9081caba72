from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from ivr.dialogue.changes import Change
from ivr.dialogue.state import DialogueState, PendingRequest, Spoken

FULL = DialogueState(
    language="hi",
    language_known=True,
    speech_languages=frozenset({"en", "hi"}),
    node="ask",
    phase="confirm",
    task="check_balance",
    slots={"account": "447123"},
    offered=(("amount", "50.00"),),
    misunderstood=2,
    detours=1,
    silence=1,
    refusals=1,
    visits={"ask": 2},
    trail=("main", "ask"),
    spoken=(Spoken("नमस्ते", "hi", True),),
    pending=PendingRequest(request_id="r", node="call"),
    changes={"call": Change(key="k", fingerprint="f")},
    finished=True,
    verdict="agent",
)


def test_it_goes_through_json_unchanged() -> None:
    data = json.loads(json.dumps(FULL.model_dump(mode="json")))
    assert DialogueState.model_validate(data) == FULL


def test_secrets_are_neither_dumped_nor_shown() -> None:
    state = FULL.model_copy(update={"secrets": {"pin": "4711"}})
    assert "4711" not in repr(state) + str(state) + state.model_dump_json()
    assert "secrets" not in state.model_dump()
    assert DialogueState.model_validate(state.model_dump(mode="json")).secrets == {}


def test_it_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        FULL.node = "other"  # type: ignore[misc]
