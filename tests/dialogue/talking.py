"""A dialogue as a test drives it: no sound, no interpreter, no integration."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from ivr.dialogue.actions import (
    Action,
    CallApi,
    Expectation,
    HangUp,
    Listen,
    RecordMessage,
    Say,
    TransferTo,
)
from ivr.dialogue.executor import Step, begin, step
from ivr.dialogue.flow import Flow
from ivr.dialogue.inputs import ApiReplied, Input, Keyed, Said, Silence, Started
from ivr.dialogue.state import DialogueState
from ivr.nlu.interpreter import Entity, Interpretation, ScoredIntent

PROJECT = Path(__file__).resolve().parents[2]
BANK = PROJECT / "flows" / "bank.json"
TODAY = date(2026, 11, 20)
WAITS = (Listen, CallApi, RecordMessage, TransferTo, HangUp)


def heard(
    text: str, intent: str = "", *entities: tuple[str, str], sure: float = 0.95, asr: float = 0.9
) -> Said:
    """The caller said `text`; entities are (kind, value)."""
    return Said(
        interpretation=Interpretation(
            text=text,
            intents=(ScoredIntent(name=intent, confidence=sure),) if intent else (),
            entities=tuple(
                Entity(kind=kind, value=value, text=value, start=0, end=len(value))
                for kind, value in entities
            ),
        ),
        asr_confidence=asr,
    )


class Talk:
    """One dialogue under way. Every step is checked for its shape, and its state goes through
    JSON and back, as between two workers.
    """

    def __init__(
        self,
        flow: Flow,
        *,
        speech: Iterable[str] = ("en",),
        language: str | None = "en",
        **started: Any,
    ) -> None:
        self.flow = flow
        self.state: DialogueState = begin(flow)
        self.last: Step | None = None
        self._ids = itertools.count(1)
        self.put(Started(language=language, speech_languages=frozenset(speech), **started))

    def put(self, what: Input) -> list[str]:
        """Let something happen; returns the texts that are said to it."""
        before = self.state.model_dump_json()
        self.last = step(
            self.flow, self.state, what, today=TODAY, new_id=lambda: f"id-{next(self._ids)}"
        )
        assert self.state.model_dump_json() == before
        check_shape(self.last.actions)
        self.state = self.last.state
        return self.texts

    def takeover(self) -> None:
        """Lose what only this worker knew."""
        self.state = DialogueState.model_validate(json.loads(self.state.model_dump_json()))

    def say(
        self, text: str, intent: str = "", *entities: tuple[str, str], **how: float
    ) -> list[str]:
        return self.put(heard(text, intent, *entities, **how))

    def key(self, digits: str) -> list[str]:
        return self.put(Keyed(digits=digits))

    def silence(self, rung: int) -> list[str]:
        return self.put(Silence(rung=rung))

    def reply(self, status: int, data: Any = None) -> list[str]:
        return self.put(
            ApiReplied(
                request_id=self.request.request_id, ok=status // 100 == 2, status=status, data=data
            )
        )

    @property
    def actions(self) -> tuple[Action, ...]:
        assert self.last is not None
        return self.last.actions

    @property
    def texts(self) -> list[str]:
        return [action.text for action in self.actions if isinstance(action, Say)]

    @property
    def wait(self) -> Action:
        return self.actions[-1]

    @property
    def request(self) -> CallApi:
        assert isinstance(self.wait, CallApi)
        return self.wait

    @property
    def expect(self) -> Expectation:
        assert isinstance(self.wait, Listen)
        return self.wait.expect


def check_shape(actions: tuple[Action, ...]) -> None:
    """Any number of Say, then exactly one thing to wait for."""
    assert actions
    assert all(isinstance(action, Say) and action.text for action in actions[:-1])
    assert isinstance(actions[-1], WAITS)


def flow_of(nodes: list[dict[str, Any]], **more: Any) -> Flow:
    """A small flow; every prompt named by a node is made up unless `templates` has it."""
    return Flow.parse(json.dumps(document_of(nodes, **more)))


def document_of(nodes: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    languages = more.get("languages", ["en"])
    texts = {
        value: {language: f"{value} {language}" for language in languages}
        for node in nodes
        for field, value in node.get("config", {}).items()
        if field in ("prompt", "reprompt", "keys_prompt", "help", "confirm")
    }
    own = more.pop("templates", {})
    return {
        "name": "made",
        "languages": languages,
        "entry": {"language_known": nodes[0]["id"]},
        "nodes": nodes,
        "templates": texts | own,
        **more,
    }
