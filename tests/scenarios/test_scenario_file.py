"""Scenario files: what they say, and each fault with its file and line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ivr.errors import IvrError
from ivr.scenarios.scenario import (
    LEVELS,
    Expect,
    IntegrationFault,
    Line,
    RingsAgain,
    Scenario,
    ScenarioFile,
    Step,
)
from ivr.scenarios.scenario_file import BadScenarios, load_scenarios
from ivr.settings import PROJECT
from tests.scenarios.conftest import Write

GOOD = """\
language: en
scenarios:
  - name: One
    at: everywhere
    steps:
      - expect: {says: hello}
      - say: yes
        expect:
          says: [a, b]
          slots:
            account: 0012
            amount: null
      - keys: 0012#
"""


def test_a_file_is_taken_as_it_is_written(write: Write) -> None:
    (loaded,) = load_scenarios([write(GOOD)])
    assert loaded.language == "en"
    assert loaded.scenario.at == LEVELS
    opening, said, keyed = loaded.scenario.steps
    assert (opening.act, said.act, keyed.act) == (None, "say", "keys")
    assert said.say == "yes"
    assert said.expect.says == ("a", "b")
    assert said.expect.slots == {"account": "0012", "amount": None}
    assert keyed.keys == "0012#"
    assert loaded.line("steps", 1, "expect", "slots", "amount") == 12


def fault_of(write: Write, text: str) -> str:
    with pytest.raises(BadScenarios) as caught:
        load_scenarios([write(text)])
    return str(caught.value.faults[0]).replace(str(write(text)), "FILE")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("say: yes", "sya: yes", "FILE:7: There is no 'sya' here. Did you mean \"say\"?"),
        ("says: [a, b]", "sais: a", "FILE:9: There is no 'sais' here. Did you mean \"says\"?"),
        ("at: everywhere", "at: sip", "FILE:4: at: Input should be 'text'"),
        ("    steps:", "    stages:", "FILE:3: 'steps' is missing."),
        ("keys: 0012#", "keys: 12x", "FILE:13: '12x' are no keys of a phone."),
        ("keys: 0012#", "expect: {says: x}", "FILE:3: step 3 does nothing; only the first may."),
        ("keys: 0012#", "silent: 4", "FILE:13: silent: Input should be less than or equal to 3."),
        ("keys: 0012#", "snr_db: 3", "FILE:13: snr_db needs something that is said."),
        ("keys: 0012#", "say: a\n        keys: 1", "FILE:13: a step is one of keys, say"),
        ("keys: 0012#", "wav: a.wav", "FILE:3: at text level a wav needs its words"),
        ("keys: 0012#", "takeover: true", "FILE:3: takeover is for text level only."),
        ("language: en", "", "FILE:4: On a switch the dialplan's menu has always chosen"),
        ("language: en", "{", "FILE:3: This is no YAML"),
        (
            "    at: everywhere",
            "    at: everywhere\n    integrations: [{on: GET /a, cut: after}]",
            "FILE:3: integrations and transfer_refused cannot be had on a switch",
        ),
        ("says: [a, b]", "action: transfer", "FILE:9: action: String should match"),
    ],
)
def test_a_fault_names_file_and_line(write: Write, old: str, new: str, fault: str) -> None:
    assert old in GOOD
    assert fault_of(write, GOOD.replace(old, new)).startswith(fault)


def test_every_fault_of_every_file_is_found(tmp_path: Path) -> None:
    for name in ("a.yml", "b.yaml"):
        (tmp_path / name).write_text(GOOD.replace("says:", "sais:"))
    with pytest.raises(BadScenarios, match="There are 3 more") as caught:
        load_scenarios([tmp_path])
    places = [(Path(fault.file).name, fault.line) for fault in caught.value.faults]
    assert places == [("a.yml", 6), ("a.yml", 9), ("b.yaml", 6), ("b.yaml", 9)]


def test_no_two_scenarios_have_one_name(tmp_path: Path) -> None:
    for name in ("a.yml", "b.yml"):
        (tmp_path / name).write_text(GOOD)
    with pytest.raises(BadScenarios, match=r"b.yml:3: The name 'One' is taken: .*a.yml:3"):
        load_scenarios([tmp_path])


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(IvrError, match="does not exist"):
        load_scenarios([tmp_path / "none.yml"])
    with pytest.raises(IvrError, match="holds no scenarios"):
        load_scenarios([tmp_path])


def test_the_page_explains_every_key_and_its_example_is_one(write: Write) -> None:
    page = (PROJECT / "docs" / "scenarios.md").read_text()
    example = re.search(r"```yaml\n(# yaml.*?)```", page, flags=re.S)
    assert example is not None
    assert load_scenarios([write(example[1])])[0].scenario.at == LEVELS
    explained = set(re.findall(r"`(\w+)", page))
    for model in (ScenarioFile, Scenario, Step, RingsAgain, Line, Expect, IntegrationFault):
        missing = set(model.model_fields) - explained - {"scenarios", "steps", "expect", "on"}
        assert not missing, model.__name__
