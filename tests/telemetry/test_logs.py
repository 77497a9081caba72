"""Log lines that nobody can forge."""

from __future__ import annotations

import io
import json
import logging
import sys
import warnings
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from ivr.telemetry.logs import MAX_TEXT, configure_logging, escaped

CALL = UUID(int=7)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def out() -> io.StringIO:
    stream = io.StringIO()
    configure_logging("info", "worker-3", stream=stream)
    return stream


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_an_event_is_one_line_with_its_time_worker_call_and_turn(out: io.StringIO) -> None:
    log = structlog.get_logger()
    with structlog.contextvars.bound_contextvars(call_id=str(CALL), turn=3):
        log.info("turn", text="नमस्ते", gap_ms=412.5, interrupted=False)
    (first,) = lines(out)
    at = first.pop("at")
    assert at.endswith("Z")
    assert "T" in at
    assert first == {
        "level": "info",
        "worker": "worker-3",
        "event": "turn",
        "call_id": str(CALL),
        "turn": 3,
        "text": "नमस्ते",
        "gap_ms": 412.5,
        "interrupted": False,
    }


@given(
    text=st.text(st.characters(codec=None)),
    key=st.text(st.characters(codec=None), min_size=1, max_size=20).filter(
        lambda key: key not in {"event", "level", "at", "worker", "exc_info", "exception"}
    ),
)
def test_no_value_and_no_key_can_forge_a_line(text: str, key: str) -> None:
    out = io.StringIO()
    configure_logging("info", "worker-3", stream=out)
    structlog.get_logger().info("heard", **{"said": text, key: text})
    written = out.getvalue()
    assert written.endswith("\n")
    assert len(written.splitlines()) == 1
    line = written[:-1]
    assert not any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in line)
    assert not set(line) & set("\u2028\u2029\u202e\u2066\ufeff")
    line.encode()
    read = json.loads(line)
    assert read["said"] == text
    assert read[key] == text
    assert read["worker"] == "worker-3"


def test_a_line_is_bounded(out: io.StringIO) -> None:
    deep: Any = "x"
    for _ in range(30):
        deep = [deep, deep]
    structlog.get_logger().info(
        "long", text="x" * 1_000_000, many=["y" * 10_000] * 1000, deep=deep, number=10**5000
    )
    assert len(out.getvalue()) < 60_000
    [line] = lines(out)
    assert line["text"].startswith("x" * MAX_TEXT + "… (1000000")
    assert len(line["many"]) == 60


def test_what_is_no_json_and_cannot_even_be_shown_is_logged(out: io.StringIO) -> None:
    class Sulky:
        def __str__(self) -> str:
            raise RuntimeError

    structlog.get_logger().info("odd", value=Sulky(), number=float("nan"), raw=b"\x00\n", who=CALL)
    [line] = lines(out)
    assert line["value"] == "<Sulky: RuntimeError>"
    assert (line["number"], line["raw"], line["who"]) == ("nan", r"b'\x00\n'", str(CALL))


def test_a_traceback_stays_within_its_line(out: io.StringIO) -> None:
    try:
        int("broken\nlevel=info event=forged")
    except ValueError:
        structlog.get_logger().exception("failed")
    [line] = lines(out)
    assert "Traceback" in line["exception"]
    assert line["level"] == "error"


def test_levels_below_the_one_asked_for_are_silent(out: io.StringIO) -> None:
    structlog.get_logger().debug("quiet")
    assert out.getvalue() == ""


def test_other_libraries_come_out_in_the_same_form(out: io.StringIO) -> None:
    logging.getLogger("panoramisk").warning("lost %s\n{forged}", "it\u2028")
    logging.getLogger("httpx").info("HTTP Request: GET")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old ways", DeprecationWarning, stacklevel=1)
    first, second = lines(out)
    assert first["event"] == "lost it\u2028\n{forged}"
    assert (first["level"], first["worker"]) == ("warning", "worker-3")
    assert "old ways" in second["event"]


def test_a_terminal_gets_lines_for_people_that_cannot_move_its_cursor() -> None:
    out = Terminal()
    configure_logging("debug", "worker-3", stream=out)
    text = "a\x1b[2Jb\r\nforged\u202e\x9b"
    structlog.get_logger().info("heard\x1b[3J", said=text, more={"k\n": [text]})
    structlog.get_logger().debug("second")
    try:
        int(text)
    except ValueError:
        structlog.get_logger().exception("third")
    written = out.getvalue()
    assert written.splitlines()[-1].startswith("ValueError")
    assert "\\u001b[2J" in written
    for bad in ("\x1b[2J", "\x1b[3J", "\r", "\u202e", "\x9b"):
        assert bad not in written


def test_loggers_made_before_the_configuration_follow_it() -> None:
    log = structlog.get_logger()
    first, second = io.StringIO(), io.StringIO()
    configure_logging("info", "worker-1", stream=first)
    log.info("one")
    configure_logging("info", "worker-2", stream=second)
    log.info("two")
    assert [line["event"] for line in lines(first)] == ["one"]
    assert [line["worker"] for line in lines(second)] == ["worker-2"]


def test_stderr_is_where_lines_go(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "worker-1")
    structlog.get_logger().info("here")
    captured = capsys.readouterr()
    assert json.loads(captured.err)["event"] == "here"
    assert captured.out == ""
    assert sys.stderr is not sys.stdout


def test_escaping_leaves_the_letters_of_the_world_alone() -> None:
    assert escaped("Grüße, नमस्ते, 你好 😀") == "Grüße, नमस्ते, 你好 😀"
    assert escaped("\u2028") == "\\u2028"
