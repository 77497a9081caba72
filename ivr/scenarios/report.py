"""Outcomes as people and machines read them: a diff with file and line, JSON, JUnit's XML."""

from __future__ import annotations

import statistics
import textwrap
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as Xml

from ivr.errors import IvrError
from ivr.scenarios.judge import Answer, Mismatch
from ivr.scenarios.outcome import Outcome, count, heard_otherwise
from ivr.scenarios.scenario import Step

_WIDTH = 88


def summary(outcomes: Sequence[Outcome], seconds: float) -> dict[str, int | float]:
    """The `--json` document."""
    return {
        "passed": count(outcomes, "passed"),
        "failed": count(outcomes, "failed"),
        "skipped": count(outcomes, "skipped"),
        "seconds": round(seconds, 2),
    }


def gap_summary(outcomes: Sequence[Outcome]) -> str:
    """How soon the bot answered, over all; empty where nothing was measured."""
    gaps = sorted(gap for outcome in outcomes for gap in outcome.gaps_ms)
    if not gaps:
        return ""
    p95 = gaps[round(0.95 * (len(gaps) - 1))]
    return (
        f"{len(gaps)} answers began after p50 {statistics.median(gaps):.0f} ms, "
        f"p95 {p95:.0f} ms, at most {gaps[-1]:.0f} ms."
    )


def again_summary(outcomes: Sequence[Outcome]) -> str:
    """What passed only when it was played again; empty where nothing did."""
    names = [
        outcome.loaded.name
        for outcome in outcomes
        if outcome.tries > 1 and outcome.verdict == "passed"
    ]
    return f"Misheard at first, passed when played again: {'; '.join(names)}." if names else ""


def diff(outcome: Outcome) -> str:
    """What was expected and what came, with the call up to there."""
    loaded = outcome.loaded
    lines = [f"{loaded.file}:{_first_line(outcome)}: {loaded.name} ({outcome.level})"]
    lines += [f"    {line}" for line in transcript(outcome)]
    if outcome.why:
        lines += _wrapped("  ! ", outcome.why)
    for mismatch in outcome.mismatches:
        lines += _mismatch(outcome, mismatch)
    return "\n".join(lines)


def transcript(outcome: Outcome) -> list[str]:
    """The call as it went, line by line."""
    lines = []
    for step, answer in outcome.answers:
        if step.act is not None:
            lines += _wrapped("caller  ", act_in_words(step) + _misheard(step, answer))
        marks = _marks(answer)
        lines += _wrapped("   bot  ", f"{answer.text or '(says nothing)'}{marks}")
    return lines


def act_in_words(step: Step) -> str:
    """What the caller does, for people."""
    words = {
        "say": step.say or f"plays {step.wav}",
        "keys": f"presses {step.keys}",
        "silent": f"is silent (rung {step.silent})",
        "mumble": "mumbles",
        "message_s": f"leaves a message of {step.message_s} s",
        "returned": "(comes back from the agent)",
        "rings_again": "(rings again)",
        "takeover": "(another worker goes on)",
        "hang_up": "hangs up",
    }
    text = words.get(step.act or "", "")
    return f"{text}  (interrupts)" if step.interrupt_ms is not None else text


def junit(outcomes: Sequence[Outcome], seconds: float) -> str:
    """A JUnit report, as CI systems read it."""
    suite = Xml.Element(
        "testsuite",
        name=f"scenarios at {outcomes[0].level} level" if outcomes else "scenarios",
        tests=str(len(outcomes)),
        failures=str(count(outcomes, "failed")),
        errors="0",
        skipped=str(count(outcomes, "skipped")),
        time=f"{seconds:.3f}",
    )
    for outcome in outcomes:
        case = Xml.SubElement(
            suite,
            "testcase",
            classname=outcome.loaded.file.stem,
            name=outcome.loaded.name,
            file=str(outcome.loaded.file),
            line=str(outcome.loaded.line()),
            time=f"{outcome.seconds:.3f}",
        )
        if outcome.verdict == "skipped":
            Xml.SubElement(case, "skipped", message=outcome.why)
        elif outcome.verdict == "failed":
            failure = Xml.SubElement(case, "failure", message=_headline(outcome))
            failure.text = _legal(diff(outcome))
        if outcome.gaps_ms:
            log = Xml.SubElement(case, "system-out")
            log.text = "gaps_ms: " + " ".join(f"{gap:.0f}" for gap in outcome.gaps_ms)
    Xml.indent(suite)
    return Xml.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def write_junit(path: Path, outcomes: Sequence[Outcome], seconds: float) -> None:
    """Write the JUnit report. Raises IvrError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(junit(outcomes, seconds), encoding="utf-8")
    except OSError as error:
        raise IvrError(
            f"{path} cannot be written: {error.strerror}.", remedy="Choose another file."
        ) from None


def _misheard(step: Step, answer: Answer) -> str:
    words = heard_otherwise(step, answer)
    return "" if words is None else f"  (heard: {words or 'nothing'})"


def _marks(answer: Answer) -> str:
    marks = []
    if answer.intent:
        marks.append(f"{answer.intent} {answer.confidence or 0:.2f}")
    if answer.interrupted:
        marks.append("interrupted")
    if answer.gap_ms is not None:
        marks.append(f"{answer.gap_ms:.0f} ms")
    if answer.actions and answer.actions[-1] != "listen":
        marks.append(answer.actions[-1])
    return f"  [{', '.join(marks)}]" if marks else ""


def _mismatch(outcome: Outcome, mismatch: Mismatch) -> list[str]:
    line = outcome.loaded.line(*mismatch.place)
    head = f"  line {line}, {mismatch.what}:"
    return [head, *_wrapped("    - ", mismatch.expected), *_wrapped("    + ", mismatch.came)]


def _headline(outcome: Outcome) -> str:
    if outcome.mismatches:
        first = outcome.mismatches[0]
        return _legal(f"{first.what}: expected {first.expected}, came {first.came}")
    return _legal(outcome.why)


def _first_line(outcome: Outcome) -> int:
    if outcome.mismatches:
        return outcome.loaded.line(*outcome.mismatches[0].place)
    return outcome.loaded.line("name")


def _wrapped(head: str, text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=head, subsequent_indent=" " * len(head)) or [
        head.rstrip()
    ]


def _legal(text: str) -> str:
    """Without what XML 1.0 cannot hold (section 2.2)."""
    return "".join(char for char in text if char in "\n\t" or char >= " ")
