"""YAML as scenario files use it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.scenarios.yaml_lines import NotYaml, parse


@pytest.mark.parametrize(
    "written", ["yes", "no", "on", "0012", "1e3", "1:30", "2026-01-01", "=", "*x"]
)
def test_a_scalar_is_what_is_written(written: str) -> None:
    quoted = f'"{written}"' if written == "*x" else written
    value, _ = parse(f"say: {quoted}\n")
    assert value == {"say": written}


@pytest.mark.parametrize("nothing", ["", "~", "null"])
def test_a_plain_null_is_nothing_and_a_quoted_one_a_word(nothing: str) -> None:
    assert parse(f"slot: {nothing}\n")[0] == {"slot": None}
    assert parse(f'slot: "{nothing}"\n')[0] == {"slot": nothing}


def test_each_value_knows_the_line_of_its_key() -> None:
    _, lines = parse("a: 1\nb:\n  - x\n  - c: 2\n    d:\n      - 3\n")
    assert lines.of(("a",)) == 1
    assert lines.of(("b",)) == 2
    assert lines.of(("b", 0)) == 3
    assert lines.of(("b", 1, "c")) == 4
    assert lines.of(("b", 1, "d")) == 5
    assert lines.of(("b", 1, "d", 0)) == 6
    assert lines.of(("b", 1, "e", "nowhere")) == 4


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a: 1\na: 2\n", 2, "given twice"),
        ("a: 1\n? [b]\n: 2\n", 2, "must be a word"),
        ("a: 1\nb: [1\nc: 2\n", 3, "expected"),
        ("a: &x [*x]\n", 1, "too large"),
        ("a: 1\n--- \nb: 2\n", 2, "another document"),
    ],
)
def test_a_fault_names_its_line(text: str, line: int, what: str) -> None:
    with pytest.raises(NotYaml) as caught:
        parse(text)
    assert caught.value.line == line
    assert what in caught.value.what


def test_aliases_cannot_be_made_into_a_bomb() -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{new}: &{new} [{','.join([f'*{old}'] * 10)}]\n"
        for old, new in zip("abcdefg", "bcdefgh", strict=True)
    )
    with pytest.raises(NotYaml, match="too large"):
        parse(bomb)


@given(st.text(alphabet=st.sampled_from("ab:-[]{}&*!|>'\"#?%@ \n\t\0"), max_size=60))
def test_whatever_is_written_it_is_parsed_or_not_yaml(text: str) -> None:
    with suppress(NotYaml):
        _, lines = parse(text)
        assert lines.of(()) >= 1
