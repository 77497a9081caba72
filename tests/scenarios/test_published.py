"""What the project's own scenarios reach."""

from __future__ import annotations

import pytest

from ivr.dialogue.flow import Flow
from ivr.dialogue.nodes.kind import AskingKind
from ivr.scenarios.outcome import Outcome
from ivr.scenarios.report import diff
from ivr.scenarios.run import run_text
from ivr.scenarios.scenario_file import Loaded
from ivr.settings import Settings
from tests.dialogue.talking import BANK


@pytest.fixture
async def outcomes(
    published: list[Loaded], tmp_path_factory: pytest.TempPathFactory
) -> list[Outcome]:
    settings = Settings(var_dir=tmp_path_factory.getbasetemp())
    return await run_text(published, settings)


async def test_all_pass_without_sound_and_reach_every_node(outcomes: list[Outcome]) -> None:
    failed = [outcome for outcome in outcomes if outcome.verdict != "passed"]
    assert not failed, "\n\n".join(diff(outcome) for outcome in failed)
    bank = Flow.load(BANK)
    waited = {answer.node for outcome in outcomes for _, answer in outcome.answers}
    asking = {node.id for node in bank.nodes.values() if isinstance(node.kind, AskingKind)}
    assert asking <= waited, "no scenario stops at these nodes"


def test_enough_of_them_have_sound(published: list[Loaded]) -> None:
    assert len(published) >= 60
    for level in ("loopback", "asterisk", "freeswitch"):
        at_level = [loaded for loaded in published if level in loaded.scenario.at]
        assert len(at_level) >= len(published) / 3, level
