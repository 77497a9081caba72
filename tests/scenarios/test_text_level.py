"""The level without sound, on flows made for one thing each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ivr.dialogue.flow import Flow
from ivr.nlu.interpreter import Entity, Interpretation, ScoredIntent
from ivr.scenarios.outcome import Outcome
from ivr.scenarios.report import diff
from ivr.scenarios.scenario_file import load_scenarios
from ivr.scenarios.text_level import play_text, unheard
from tests.dialogue.talking import document_of
from tests.scenarios.conftest import Write

ROUTER = {
    "id": "main",
    "type": "intent_router",
    "config": {"prompt": "what", "keys_prompt": "by_keys", "keys": {"1": "pay"}},
    "next": {"pay": "code"},
}
CODE = {
    "id": "code",
    "type": "slot_filler",
    "config": {
        "slot": "code",
        "type": "digits",
        "digits": 4,
        "prompt": "the_code",
        "sensitive": True,
    },
    "next": "send",
}
SEND = {
    "id": "send",
    "type": "api_caller",
    "config": {
        "integration": "bank",
        "method": "POST",
        "path": "/transfers",
        "body": {"from": "447123", "to": "123456", "amount": "5"},
    },
    "next": {"ok": "bye", "refused": "agent", "unknown": "agent"},
}
NODES = [
    ROUTER,
    CODE,
    SEND,
    {"id": "agent", "type": "transfer", "config": {"destination": "agent", "prompt": "wait"},
     "next": {"refused": "main"}},
    {"id": "bye", "type": "end", "config": {"prompt": "done"}},
]  # fmt: skip


class Words:
    """Understands "pay", with the digits that are in the words."""

    languages = frozenset({"en"})

    async def interpret(self, text: str, language: str) -> Interpretation:
        intents = (ScoredIntent(name="pay", confidence=0.99),) if "pay" in text else ()
        digits = "".join(char for char in text if char.isdigit())
        entities: tuple[Entity, ...] = ()
        if digits:
            entities = (Entity(kind="digits", value=digits, text=digits, start=0, end=1),)
        return Interpretation(text=text, intents=intents, entities=entities)

    async def close(self) -> None:
        """Nothing to let go of."""


@pytest.fixture
def flow() -> Flow:
    document: dict[str, Any] = document_of(
        NODES, integrations=["bank"], transfer_destinations=["agent"]
    )
    return Flow.parse(json.dumps(document))


async def play(write: Write, flow: Flow, text: str) -> Outcome:
    (loaded,) = load_scenarios([write(text)])
    outcome = Outcome(loaded=loaded, level="text")
    await play_text(loaded, flow, Words(), outcome)
    return outcome


HEAD = "language: en\nscenarios:\n  - name: One\n"


async def test_a_call_is_played_to_its_end(write: Write, flow: Flow) -> None:
    outcome = await play(
        write,
        flow,
        HEAD
        + """\
    bank: {transfers: 1, requests: 1}
    steps:
      - expect: {says: what en, node: main, action: listen, language: en}
      - say: pay
        expect: {intent: pay, node: code, says: the_code}
      - keys: 1234
        expect: {says: done, action: api POST /transfers}
""",
    )
    assert outcome.verdict == "passed", diff(outcome)
    assert outcome.answers[-1][1].actions == ("api POST /transfers", "hang_up")


async def test_it_stops_at_the_first_wrong_answer(write: Write, flow: Flow) -> None:
    outcome = await play(
        write,
        flow,
        HEAD + "    steps:\n      - say: pay\n        expect: {node: main}\n      - keys: 1234\n",
    )
    (mismatch,) = outcome.mismatches
    assert (mismatch.expected, mismatch.came) == ("main", "code")
    assert len(outcome.answers) == 1


async def test_what_the_bank_did_is_judged_in_the_end(write: Write, flow: Flow) -> None:
    outcome = await play(
        write, flow, HEAD + "    bank: {transfers: 2}\n    steps: [{keys: 1}, {keys: 1234}]\n"
    )
    (mismatch,) = outcome.mismatches
    assert (mismatch.what, mismatch.expected, mismatch.came) == ("bank transfers", "2", "1")
    assert outcome.loaded.line(*mismatch.place) == 4


async def test_keys_make_entries_as_on_a_phone(write: Write, flow: Flow) -> None:
    """The key of the menu is an entry, and so are the four of the code."""
    outcome = await play(
        write, flow, HEAD + "    steps:\n      - keys: 11234\n        expect: {says: done}\n"
    )
    assert outcome.verdict == "passed", diff(outcome)


async def test_after_the_end_nothing_comes(write: Write, flow: Flow) -> None:
    outcome = await play(write, flow, HEAD + "    steps: [{keys: 11234}, {say: hello}]\n")
    (mismatch,) = outcome.mismatches
    assert mismatch.came == "the call was over already"


async def test_a_refused_transfer_leaves_the_caller_here(write: Write, flow: Flow) -> None:
    outcome = await play(
        write,
        flow,
        HEAD
        + """\
    transfer_refused: true
    integrations: [{on: POST /transfers, status: 422}]
    steps:
      - keys: 11234
        expect: {says: [wait, what en], action: listen, node: main}
""",
    )
    assert outcome.verdict == "passed", diff(outcome)
    assert "transfer agent" in outcome.answers[-1][1].actions


async def test_words_that_no_answer_may_have_end_the_scenario(write: Write, flow: Flow) -> None:
    outcome = await play(
        write, flow, HEAD + "    never: the_code\n    steps: [{keys: 1}, {keys: 1234}]\n"
    )
    (mismatch,) = outcome.mismatches
    assert outcome.loaded.line(*mismatch.place) == 4


async def test_another_worker_does_not_know_what_was_secret(write: Write, flow: Flow) -> None:
    outcome = await play(
        write,
        flow,
        HEAD
        + """\
    steps:
      - keys: 1
      - takeover: true
        expect: {says: the_code, node: code, action: listen, slots: {code: null}}
      - keys: 1234
        expect: {says: done}
""",
    )
    assert outcome.verdict == "passed", diff(outcome)
    assert "1234" not in str([answer for _, answer in outcome.answers])


async def test_a_language_that_is_not_heard_is_no_words(write: Write, flow: Flow) -> None:
    outcome = await play(
        write,
        flow,
        HEAD + "    hears: [hi]\n    steps:\n      - say: pay\n        expect: {node: main}\n",
    )
    assert outcome.verdict == "passed", diff(outcome)


@pytest.mark.parametrize(
    ("interrupt_ms", "left"),
    [
        (None, ()),
        (0, ("One two three four.", "Five six seven.", "Eight.")),
        (1000, ("One two three four.", "Five six seven.", "Eight.")),
        (1500, ("Five six seven.", "Eight.")),
        (60_000, ()),
    ],
)
def test_what_was_not_heard_is_guessed_by_clauses(
    interrupt_ms: int | None, left: tuple[str, ...]
) -> None:
    text = "One two three four. Five six seven. Eight."
    assert unheard(text, interrupt_ms) == left


def test_the_folder_of_the_flow_is_that_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.yml"
    file.write_text("flow: ../x.json\n" + HEAD + "    steps: [{say: a}]\n")
    (loaded,) = load_scenarios([file])
    assert loaded.flow == tmp_path / "../x.json"
