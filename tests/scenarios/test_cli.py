"""`ivrctl scenario`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from ivr.settings import PROJECT
from tests.scenarios.conftest import SCENARIOS, Write

BAD = """\
flow: {flow}
language: en
scenarios:
  - name: One
    steps:
      - say: what is my balance
        expect: {{intent: block_card}}
"""


def ivrctl(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ivr.cli.main", "scenario", *arguments],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        timeout=120,
        check=False,
    )


def test_all_at_text_level_in_one_document(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    done = ivrctl("run", str(SCENARIOS), "--at", "text", "--json", "--junit", str(report))
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert set(document) == {"passed", "failed", "skipped", "seconds"}
    assert document["failed"] == 0
    assert document["passed"] >= 60
    assert document["seconds"] < 20
    played = document["passed"] + document["skipped"]
    assert f'tests="{played}"' in report.read_text()


def test_a_failure_is_a_diff_and_exit_status_1(write: Write) -> None:
    file = write(BAD.format(flow=PROJECT / "flows" / "bank.json"))
    done = ivrctl("run", str(file), "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["failed"] == 1
    assert f"{file}:7: One (text)" in done.stderr
    assert "- block_card" in done.stderr
    assert "+ check_balance" in done.stderr


def test_a_fault_of_the_file_is_one_sentence_and_exit_status_2(write: Write) -> None:
    done = ivrctl("run", str(write("scenarios: [{nmae: One, steps: [{say: a}]}]")))
    assert done.returncode == 2
    assert done.stdout == ""
    assert "made.yml:1:" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_a_serve_there_is_no_switch_to_look_into(write: Write, tmp_path: Path) -> None:
    file = write(BAD.format(flow=PROJECT / "flows" / "bank.json"))
    done = subprocess.run(
        [sys.executable, "-m", "ivr.cli.main", "scenario", "run", str(file), "--at", "asterisk"],
        env={"PATH": "/usr/bin:/bin", "IVR_VAR_DIR": str(tmp_path / "var")},
        capture_output=True,
        text=True,
        cwd=PROJECT,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "no `ivrctl serve` runs here" in done.stderr


def test_the_published_schema_is_the_one_of_the_code() -> None:
    assert ivrctl("schema").stdout == (SCENARIOS / "schema.json").read_text()
