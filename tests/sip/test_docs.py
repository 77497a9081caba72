"""Every row of docs/sip.md that is supported or refused names a test, and every test is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from ivr.load.sipp import SCENARIOS
from ivr.settings import PROJECT
from tests.sip.test_scenarios import AT_SCRIPTED, AT_SWITCHES

DOCUMENT = PROJECT / "docs" / "sip.md"


def rows() -> list[tuple[str, str, str]]:
    found = []
    for line in DOCUMENT.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and len(cells) == 3 and cells[0] not in ("what", "---"):
            found.append((cells[0], cells[1], cells[2]))
    return found


def functions(path: Path) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize(("what", "here", "test"), rows(), ids=lambda value: value[:30])
def test_a_row_names_a_test_that_is_there(what: str, here: str, test: str) -> None:
    if not test:
        assert here.startswith("out of scope"), what
        return
    scenario = re.fullmatch(r"scenario (\w+)", test)
    if scenario:
        assert scenario[1] in {*AT_SWITCHES, *AT_SCRIPTED}
        return
    path, _, name = test.partition("::")
    assert name in functions(PROJECT / path), test


def test_a_refusal_says_its_code_and_the_scenario_expects_it() -> None:
    for what, here, test in rows():
        if not here.startswith("refused"):
            continue
        code = re.match(r"refused, (\d{3})", here)
        assert code, what
        if test.startswith("scenario "):
            text = (SCENARIOS / f"{test.split()[1]}.xml").read_text()
            assert f'<recv response="{code[1]}"' in text, what


def test_no_scenario_is_forgotten() -> None:
    named = {test.split()[1] for _, _, test in rows() if test.startswith("scenario ")}
    kept = {path.stem for path in SCENARIOS.glob("*.xml")} - {"flood", "talk"}
    assert kept - named == set()
