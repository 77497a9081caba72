from __future__ import annotations

import contextlib
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.dialogue.templates import LONGEST_TEXT, TemplateFailed, TemplateUnusable, Text, clean


def test_filters_speak_the_language_of_the_text() -> None:
    values = {"account": "447123", "sum": "250.00", "day": "2026-11-03"}
    source = "{{ account | digits }}; {{ sum | money }}; {{ day | spoken_date }}"
    assert Text(source, "en").fill(values) == (
        "four four seven, one two three; two hundred and fifty rupees; "
        "the third of november twenty twenty six"
    )
    assert Text(source, "hi").fill(values) == (
        "चार चार सात, एक दो तीन; दो सौ पचास रुपये; तीन नवंबर दो हज़ार छब्बीस"
    )


def test_a_text_without_variables_is_static() -> None:
    assert Text("Hello,\n  you.", "en").static == "Hello, you."
    assert Text("{{ a }}", "en").static is None
    assert Text("{{ a }}{{ b }}", "en").variables == {"a", "b"}


def test_a_missing_value_is_named() -> None:
    with pytest.raises(TemplateFailed) as caught:
        Text("{{ a }} {{ b | money }}", "en").fill({"a": "1"})
    assert caught.value.missing == "b"


@pytest.mark.parametrize(
    "source",
    [
        "{{ a",
        "{{ a | nofilter }}",
        "{% for x in a %}x{% endfor %}",
        "{{ 'a' * 1000000000 }}",
        "{{ '%999999999d' % 1 }}",
        "{{ 2 ** 99999999 }}",
        "{{ a.ljust(1000000000) }}",
        "{{ range(9) }}",
        "{% include 'x' %}",
        "{% set b = a ~ a %}{{ b }}",
        "{% macro x() %}{% endmacro %}",
    ],
)
def test_what_could_be_slow_or_large_is_refused(source: str) -> None:
    with pytest.raises(TemplateUnusable):
        Text(source, "en")


@pytest.mark.parametrize("source", ["{{ a.__class__ }}", "{{ a['__class__'] }}", "{{ a.upper }}"])
def test_nothing_but_values_is_reached(source: str) -> None:
    with pytest.raises(TemplateFailed):
        Text(source, "en").fill({"a": "x"})


@given(st.text(max_size=60))
def test_values_are_data_never_source(value: str) -> None:
    hostile = "{{ 7 }}" + value
    filled = Text("{{ a }}.", "en").fill({"a": hostile})
    assert filled == " ".join(f"{hostile}.".split())


def test_a_text_is_cut_at_a_word() -> None:
    filled = Text("{{ a }}", "en").fill({"a": "word " * 1000})
    assert len(filled) <= LONGEST_TEXT
    assert filled.endswith("word")


@settings(deadline=None)
@given(st.text(max_size=60))
def test_filters_fail_in_one_way(value: str) -> None:
    for name in ("digits", "money", "spoken_date", "number"):
        for language in ("en", "hi", "xx"):
            with contextlib.suppress(TemplateFailed):
                Text("{{ a | " + name + " }}", language).fill({"a": value})


@given(st.text(max_size=30))
def test_a_value_never_leaves_its_path_segment(value: str) -> None:
    text = Text("/accounts/{{ a }}/x", "", for_path=True)
    try:
        path = text.fill({"a": value})
    except TemplateFailed:
        assert value.strip(".") == ""
        return
    segments = path.split("/")
    assert len(segments) == 4
    assert segments[2] not in ("", ".", "..")
    assert not set(path) & set("?#\\ \n")


@given(st.text())
def test_cleaned_values_can_be_stored_and_spoken(value: str) -> None:
    cleaned = clean(value + "\x00\ud800")
    cleaned.encode("utf-8")
    assert not any(unicodedata.category(char)[0] == "C" for char in cleaned)
