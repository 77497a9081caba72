from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.dialogue.positions import NotJson, parse

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES, st.sampled_from([None, 0, 2]))
def test_it_reads_what_json_reads(value: Any, indent: int | None) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    assert parse(text)[0] == json.loads(text)


@given(st.text(alphabet='{}[]",:01-.eE truefalsn\n\\u\x00', max_size=40))
def test_any_text_is_read_as_json_does_or_refused(text: str) -> None:
    try:
        value, _ = parse(text)
    except NotJson as error:
        line = error.line
    else:
        assert value == json.loads(text)
        line = 1
    assert 1 <= line <= text.count("\n") + 1


@given(st.text(alphabet='{}[]",:1a \n', max_size=40))
def test_what_json_refuses_is_refused(text: str) -> None:
    try:
        json.loads(text)
    except ValueError:
        with pytest.raises(NotJson):
            parse(text)


def test_lines_of_values_and_of_what_is_missing() -> None:
    _, lines = parse('{\n "a": 1,\n "b": [\n  {"c": 2},\n\n  3\n ]\n}')
    assert lines.of(()) == 1
    assert lines.of(("a",)) == 2
    assert lines.of(("b", 0, "c")) == 4
    assert lines.of(("b", 1)) == 6
    assert lines.of(("b", 0, "missing")) == 4
    assert lines.of(("nowhere",)) == 1


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ('{"a": 1,\n "a": 2}', 2, "twice"),
        ("[1,\n2,\n]", 3, "expect"),
        ("[NaN]", 1, "NaN"),
        ("[" * 100, 1, "deeply"),
        ("9" * 5000, 1, "digits"),
        ("{}\n{}", 2, "follows"),
        ('{"a" 1}', 1, '":"'),
        ("", 1, "expecting"),
    ],
)
def test_faults_name_line_and_reason(text: str, line: int, what: str) -> None:
    with pytest.raises(NotJson, match=what) as caught:
        parse(text)
    assert caught.value.line == line
