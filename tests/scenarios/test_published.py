"""What the project's own scenarios reach."""

from __future__ import annotations

import pytest

from ivr.dialogue.flow import Flow
from ivr.dialogue.node_kinds import NODE_KINDS
from ivr.dialogue.nodes.kind import AskingKind
from ivr.scenarios.outcome import Outcome
from ivr.scenarios.report import diff
from ivr.scenarios.run import run_text
from ivr.scenarios.scenario_file import Loaded
from ivr.settings import Settings


@pytest.fixture
async def outcomes(
    published: list[Loaded], tmp_path_factory: pytest.TempPathFactory
) -> list[Outcome]:
    settings = Settings(var_dir=tmp_path_factory.getbasetemp())
    return await run_text(published, settings)


async def test_all_pass_without_sound_and_reach_every_node(
    outcomes: list[Outcome], published: list[Loaded]
) -> None:
    failed = [outcome for outcome in outcomes if outcome.verdict == "failed"]
    assert not failed, "\n\n".join(diff(outcome) for outcome in failed)
    paths = {loaded.flow.resolve() for loaded in published if loaded.flow is not None}
    flows = {path: Flow.load(path) for path in paths}
    assert {path.stem for path in paths} >= {"bank", "schemes", "library", "clinic"}
    kinds = {node.kind.name for flow in flows.values() for node in flow.nodes.values()}
    assert kinds == set(NODE_KINDS)
    for path, flow in flows.items():
        waited = {
            answer.node
            for outcome in outcomes
            if outcome.loaded.flow is not None and outcome.loaded.flow.resolve() == path
            for _, answer in outcome.answers
        }
        asking = {node.id for node in flow.nodes.values() if isinstance(node.kind, AskingKind)}
        assert asking <= waited, f"no scenario stops at these nodes of {path.stem}"


def test_enough_of_them_have_sound(published: list[Loaded]) -> None:
    assert len(published) >= 60
    for level in ("loopback", "asterisk", "freeswitch"):
        at_level = [loaded for loaded in published if level in loaded.scenario.at]
        assert len(at_level) >= len(published) / 3, level
