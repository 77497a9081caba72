from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from ivr.cli.flow import flow
from ivr.dialogue.flow import Flow
from ivr.errors import IvrError
from tests.dialogue.talking import BANK


def bad_copy(folder: Path) -> Path:
    path = folder / "bad.json"
    path.write_text(BANK.read_text().replace('"next": "main"', '"next": "mian"'))
    return path


def test_check_of_a_clean_flow() -> None:
    result = CliRunner().invoke(flow, ["check", str(BANK)])
    assert result.exit_code == 0
    assert "no faults" in result.output


def test_check_names_file_line_and_remedy(tmp_path: Path) -> None:
    path = bad_copy(tmp_path)
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if "mian" in text)
    result = CliRunner().invoke(flow, ["check", str(path)])
    assert result.exit_code == 2
    assert f'{path}:{line}: There is no node "mian". Did you mean "main"?' in result.output


def test_check_as_json(tmp_path: Path) -> None:
    good = json.loads(CliRunner().invoke(flow, ["check", "--json", str(BANK)]).output)
    assert good["ok"] is True
    assert good["version"] == Flow.load(BANK).version
    result = CliRunner().invoke(flow, ["check", "--json", str(bad_copy(tmp_path))])
    assert result.exit_code == 2
    bad = json.loads(result.output)
    assert bad["ok"] is False
    assert {fault["suggestion"] for fault in bad["faults"]} == {'Did you mean "main"?'}


def test_a_file_that_is_not_there_is_an_error_for_people(tmp_path: Path) -> None:
    result = CliRunner().invoke(flow, ["check", str(tmp_path / "none.json")])
    assert isinstance(result.exception, IvrError)


def test_show() -> None:
    text = CliRunner().invoke(flow, ["show", str(BANK)]).output
    assert "get_balance  (api_caller)" in text
    assert "    not_found -> unknown_account" in text
    document = json.loads(CliRunner().invoke(flow, ["show", "--json", str(BANK)]).output)
    assert {"source": "welcome", "outcome": "done", "target": "main"} in document["edges"]
    assert len(document["nodes"]) == len(Flow.load(BANK).nodes)
