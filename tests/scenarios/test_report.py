"""Outcomes as people and machines read them."""

from __future__ import annotations

from xml.etree import ElementTree as Xml

import pytest

from ivr.errors import IvrError
from ivr.scenarios.judge import Answer
from ivr.scenarios.outcome import Outcome
from ivr.scenarios.report import diff, gap_summary, junit, summary, write_junit
from ivr.scenarios.scenario_file import load_scenarios
from tests.scenarios.conftest import Write

TEXT = """\
language: en
scenarios:
  - name: Good
    steps:
      - say: hello
  - name: "Bad <&"
    steps:
      - say: what is my balance
        expect:
          intent: check_balance
          says: [account, number please]
  - name: Left out
    steps: [{say: hello}]
  - name: Broken
    steps: [{say: hello}]
"""


@pytest.fixture
def outcomes(write: Write) -> list[Outcome]:
    good, bad, left_out, broken = (
        Outcome(loaded=loaded, level="loopback", seconds=1.5)
        for loaded in load_scenarios([write(TEXT)])
    )
    (step,) = good.loaded.scenario.steps
    assert good.note(step, Answer(texts=("hi",), gap_ms=400.0))
    (step,) = bad.loaded.scenario.steps
    assert not bad.note(
        step,
        Answer(
            texts=("Which account?\x00",),
            intent="block_card",
            confidence=0.5,
            understood="what is my palace",
            gap_ms=600.0,
        ),
    )
    left_out.skipped, left_out.why = True, "it is not for loopback level"
    broken.why = "Nobody answers."
    return [good, bad, left_out, broken]


def test_the_json_document(outcomes: list[Outcome]) -> None:
    expected = {"passed": 1, "failed": 2, "skipped": 1, "seconds": 2.35}
    assert summary(outcomes, 2.3456) == expected


def test_the_diff_says_what_where(outcomes: list[Outcome]) -> None:
    text = diff(outcomes[1])
    file = outcomes[1].loaded.file
    assert text.splitlines()[0] == f"{file}:11: Bad <& (loopback)"
    assert "caller  what is my balance  (heard: what is my palace)" in text
    assert "[block_card 0.50, 600 ms]" in text
    assert "  line 11, says:\n    - number please\n    + Which account?" in text
    assert "  line 10, intent:\n    - check_balance\n    + block_card (0.50)" in text
    assert "  ! Nobody answers." in diff(outcomes[3])


def test_gaps_are_summed_up(outcomes: list[Outcome]) -> None:
    assert gap_summary(outcomes) == (
        "2 answers began after p50 500 ms, p95 600 ms, at most 600 ms."
    )
    assert gap_summary(outcomes[2:]) == ""


def test_junit_is_what_ci_reads(outcomes: list[Outcome]) -> None:
    suite = Xml.fromstring(junit(outcomes, 2.5))
    assert suite.attrib["name"] == "scenarios at loopback level"
    counts = {name: suite.attrib[name] for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "4", "failures": "2", "errors": "0", "skipped": "1"}
    good, bad, left_out, broken = suite
    assert [case.attrib["name"] for case in suite] == ["Good", "Bad <&", "Left out", "Broken"]
    assert good.find("failure") is None
    failure = bad.find("failure")
    assert failure is not None
    assert failure.attrib["message"] == "says: expected number please, came Which account?"
    assert "line 10, intent:" in (failure.text or "")
    assert left_out.find("skipped") is not None
    assert broken.find("failure") is not None


def test_a_report_that_cannot_be_written_is_said(write: Write, outcomes: list[Outcome]) -> None:
    taken = write("")
    with pytest.raises(IvrError, match="cannot be written"):
        write_junit(taken / "report.xml", outcomes, 1)
