"""Each flow is understood by what it was taught, and has a demo of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.demo.play import script_of
from ivr.errors import IvrError
from ivr.scenarios.scenario_file import load_scenarios
from ivr.scenarios.understanding import Understanding
from ivr.settings import PROJECT, Settings, nlu_of
from tests.scenarios.conftest import SCENARIOS

BANK = PROJECT / "nlu_models" / "bank"
SCHEMES = PROJECT / "nlu_models" / "schemes"


def test_a_flow_is_taught_in_the_folder_of_its_name(tmp_path: Path) -> None:
    assert nlu_of(PROJECT / "flows" / "schemes.json") == SCHEMES
    assert nlu_of(PROJECT / "flows" / "library.json") is None
    taught = tmp_path / "nlu_models" / "mine"
    taught.mkdir(parents=True)
    assert nlu_of(tmp_path / "flows" / "mine.json") == taught


def test_the_setting_goes_before_the_name_and_the_bank_is_for_the_rest(tmp_path: Path) -> None:
    flows = PROJECT / "flows"
    assert Settings(flow=flows / "schemes.json").nlu_dir == SCHEMES
    assert Settings(flow=flows / "library.json").nlu_dir == BANK
    assert Settings(flow=flows / "schemes.json", nlu_dir=tmp_path).nlu_dir == tmp_path


async def test_scenarios_of_two_flows_are_understood_each_in_its_way(tmp_path: Path) -> None:
    (bank, *_) = load_scenarios([SCENARIOS / "balance.yml"])
    (schemes, *_) = load_scenarios([SCENARIOS / "schemes.yml"])
    understanding = Understanding(Settings(var_dir=tmp_path))
    try:
        of_bank, of_schemes = await understanding.of(bank), await understanding.of(schemes)
        assert await understanding.of(bank) is of_bank
        said = "tell me about life insurance"
        assert (await of_schemes.interpret(said, "en")).intent == "about_health"
        assert (await of_bank.interpret(said, "en")).intent != "about_health"
    finally:
        await understanding.close()


@pytest.mark.parametrize("name", ["bank", "schemes"])
def test_a_flow_has_a_demo_of_its_own(name: str) -> None:
    flow = PROJECT / "flows" / f"{name}.json"
    script = script_of(flow)
    assert script.flow is not None
    assert script.flow.resolve() == flow


def test_a_flow_without_a_demo_is_told_where_it_goes(tmp_path: Path) -> None:
    with pytest.raises(IvrError, match=r"demo-mine\.yml"):
        script_of(tmp_path / "flows" / "mine.json")
