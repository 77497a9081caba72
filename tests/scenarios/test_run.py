"""Running scenarios that words may be misheard in."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ivr.dialogue.flow import Flow
from ivr.scenarios.judge import Answer
from ivr.scenarios.outcome import Outcome
from ivr.scenarios.report import again_summary
from ivr.scenarios.run import How, run
from ivr.scenarios.scenario_file import Loaded, load_scenarios
from ivr.settings import Settings
from tests.scenarios.conftest import Write

TEXT = """\
language: en
scenarios:
  - name: Balance
    at: [loopback]
    steps:
      - say: what is my balance
        expect: {says: account}
"""
MISHEARD = Answer(texts=("Pardon?",), understood="what is my palace")
WRONG = Answer(texts=("Pardon?",), understood="what is my balance")
RIGHT = Answer(texts=("Which account?",), understood="what is my balance")


@pytest.mark.parametrize(
    ("answers", "verdict", "tries"),
    [
        ((RIGHT, WRONG), "passed", 1),
        ((MISHEARD, RIGHT), "passed", 2),
        ((MISHEARD, MISHEARD), "failed", 2),
        ((WRONG, RIGHT), "failed", 1),
    ],
)
async def test_only_what_was_misheard_is_played_again(
    answers: Sequence[Answer], verdict: str, tries: int, write: Write
) -> None:
    turns = iter(answers)

    async def play(loaded: Loaded, flow: Flow, outcome: Outcome) -> None:
        outcome.note(loaded.scenario.steps[0], next(turns))

    found = load_scenarios([write(TEXT)])
    (outcome,) = await run(found, Settings(), "loopback", play, How(again=1))
    assert (outcome.verdict, outcome.tries) == (verdict, tries)
    assert len(outcome.answers) == 1
    assert ("Balance" in again_summary([outcome])) is (verdict == "passed" and tries > 1)
