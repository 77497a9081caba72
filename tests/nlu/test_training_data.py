"""Rasa's format, read with care and written back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ivr.nlu.annotation import Annotation, BadAnnotation, Example, read_example, write_example
from ivr.nlu.training_data import (
    BadTrainingData,
    TrainingData,
    load_training_data,
    parse_training_data,
    write_training_data,
)

PROJECT = Path(__file__).parent.parent.parent
WILD = PROJECT.parent / "shared" / "nlu" / "rasa-banking"

LINES = st.one_of(
    st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1),
    st.lists(st.sampled_from("send [ ] ( ) { } \" : , - # | é ' \\ x 1".split()), min_size=1).map(
        " ".join
    ),
)
NAMES = st.one_of(
    st.from_regex(r"[a-z_]{1,8}", fullmatch=True),
    st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1),
    st.sampled_from(["yes", "1", "null", "- a", "a: b", "#x", "'", '"', "a/b"]),
)
MAYBE = st.none() | NAMES


@st.composite
def examples(draw: st.DrawFn) -> Example:
    parts = draw(st.lists(st.tuples(LINES, st.none() | st.tuples(NAMES, MAYBE, MAYBE)), min_size=1))
    text, marks = "", []
    for part, details in parts:
        text += " " if text else ""
        if details is not None:
            start, end = len(text), len(text) + len(part)
            kind, value, role = details
            marks.append(Annotation(kind=kind, start=start, end=end, value=value, role=role))
        text += part
    return Example(text=text, annotations=tuple(marks))


def phrases() -> st.SearchStrategy[dict[str, tuple[str, ...]]]:
    return st.dictionaries(NAMES, st.lists(LINES, min_size=1, max_size=3).map(tuple), max_size=3)


@given(examples())
@example(Example(text="a [b](c) d"))
@example(Example(text="x", annotations=(Annotation(kind="k:v", start=0, end=1),)))
def test_a_written_example_is_read_back_or_refused(one: Example) -> None:
    try:
        line = write_example(one)
    except BadAnnotation:
        assert any(mark in one.text for mark in "[]") or "}" in repr(one.annotations)
        return
    assert read_example(line) == one


@given(
    st.dictionaries(NAMES, st.lists(examples(), min_size=1, max_size=3).map(tuple), max_size=3),
    phrases(),
    phrases(),
)
def test_written_data_is_read_back_or_refused(
    intents: dict[str, tuple[Example, ...]],
    synonyms: dict[str, tuple[str, ...]],
    lookups: dict[str, tuple[str, ...]],
) -> None:
    data = TrainingData(intents=intents, synonyms=synonyms, lookups=lookups)
    try:
        text = write_training_data(data)
    except BadTrainingData:
        return
    assert parse_training_data(text) == data


@given(
    st.dictionaries(
        st.from_regex(r"[a-z_]+", fullmatch=True),
        st.lists(st.from_regex(r"[a-z' ]*[a-z]", fullmatch=True), min_size=1).map(
            lambda texts: tuple(Example(text=text.strip()) for text in texts)
        ),
    )
)
def test_plain_sentences_are_never_refused(intents: dict[str, tuple[Example, ...]]) -> None:
    data = TrainingData(intents=intents)
    assert parse_training_data(write_training_data(data)) == data


@given(st.text())
@example("nlu: [[[[")
@example('version: "3.1"\nnlu: 3')
@example("? [a]\n: b")
@example("&a [*a]")
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_training_data(text)
    except BadTrainingData as error:
        refusal = error
    else:
        return
    assert refusal.what.startswith("nlu.yml, line ")
    assert refusal.remedy


def test_what_the_format_says() -> None:
    data = parse_training_data(
        'version: "3.1"\n'
        "nlu:\n"
        "- intent: pay\n"
        "  examples: |\n"
        "    - pay [fifty](amount) to [mum]"
        '{"entity": "person", "value": "Mary", "role": "to"}\n'
        "    - pay [ten](amount:10.00) [now]\n"
        "- intent: greet\n"
        "  examples:\n"
        "  - text: |\n"
        "      hello\n"
        "    metadata: {sentiment: good}\n"
        "- synonym: credit\n"
        "  examples: |\n"
        "    - credit card\n"
        "- lookup: card\n"
        "  examples: |\n"
        "    - visa\n"
        "- regex: zip\n"
        "  examples: |\n"
        "    - \\d{5}\n"
        "rules: []\n"
    )
    first, second = data.intents["pay"]
    assert first == Example(
        text="pay fifty to mum",
        annotations=(
            Annotation(kind="amount", start=4, end=9),
            Annotation(kind="person", start=13, end=16, value="Mary", role="to"),
        ),
    )
    assert second.text == "pay ten [now]"
    assert second.annotations == (Annotation(kind="amount", start=4, end=7, value="10.00"),)
    assert data.intents["greet"] == (Example(text="hello"),)
    assert data.synonyms == {"credit": ("credit card",)}
    assert data.lookups == {"card": ("visa",)}
    assert data.patterns == {"zip": ("\\d{5}",)}


HEAD = 'version: "3.1"\nnlu:\n- intent: pay\n'


@pytest.mark.parametrize(
    ("text", "line", "what", "remedy"),
    [
        ("nlu: []\n", 1, "no version", 'version: "3.1"'),
        ('version: "9"\n', 1, "'9' is unknown", 'version: "3.1"'),
        ('version: "3.1"\nnul: []\n', 2, "section 'nul'", "Did you mean nlu?"),
        ('version: "3.1"\nnlu: {}\n', 2, "no list", "Begin each item"),
        ('version: "3.1"\nnlu:\n- intnt: pay\n', 3, "'intnt'", "Did you mean intent?"),
        (HEAD, 3, "pay has no examples", "examples: |"),
        (HEAD + "  lookup: x\n", 3, "intent and lookup", "exactly one"),
        (HEAD + "  examples: |\n    - a\n    b\n", 6, "'b' is no example", "Begin each line"),
        (HEAD + "  examples: |\n    - a\n    -\n", 6, "'-' is no example", "Begin each line"),
        (HEAD + "  examples: |\n\n", 4, "pay has no examples", "Add at least one"),
        (HEAD + "  examples: |\n    - a [b]{c}\n", 5, "is not JSON", "[text](entity)"),
        (HEAD + '  examples: |\n    - a [b]{"value": "c"}\n', 5, "no \"entity\"", "[text](entity)"),
        (HEAD + '  examples: |\n    - a [b]{"entty": "c"}\n', 5, "'entty'", "[text](entity)"),
        (HEAD + "  examples: [{txt: a}]\n", 4, "'txt'", "Did you mean text?"),
        (HEAD + "  intent: b\n", 4, "given twice", "Keep one"),
        (HEAD + "  examples: 'a\n", 5, "not YAML", "See the example"),
        ('version: "3.1"\nnlu:\n- regex: r\n  examples: |\n    - a\n    - (\n', 6, "'('", "Mend"),
        ("", 1, "name: value", "See the example"),
    ],
)  # fmt: skip
def test_errors_name_the_line_and_help(text: str, line: int, what: str, remedy: str) -> None:
    with pytest.raises(BadTrainingData) as caught:
        parse_training_data(text, name="bank.yml")
    assert caught.value.what.startswith(f"bank.yml, line {line}: ")
    assert what in caught.value.what
    assert remedy in caught.value.remedy


def test_the_files_of_a_folder_are_one(tmp_path: Path) -> None:
    for name, sentence in (("a.yml", "hello"), ("b.yaml", "hi")):
        (tmp_path / name).write_text(f"{HEAD}  examples: |\n    - {sentence}\n", encoding="utf-8")
    assert [one.text for one in load_training_data(tmp_path).intents["pay"]] == ["hello", "hi"]
    with pytest.raises(BadTrainingData, match="holds no training data"):
        load_training_data(tmp_path / "none")
    (tmp_path / "c.yml").write_bytes(b"\xff")
    with pytest.raises(BadTrainingData, match=r"c\.yml cannot be read"):
        load_training_data(tmp_path)


@pytest.mark.parametrize(
    "name", ["banking", "financial-demo/data/nlu", "mood", "retail", "smalltalk"]
)
def test_data_in_the_wild_is_read_and_written(name: str) -> None:
    if not WILD.is_dir():
        pytest.skip(f"{WILD} is not here")
    data = load_training_data(WILD / name)
    assert len(data.intents) >= 3
    assert parse_training_data(write_training_data(data)) == data


def test_the_bank_contradicts_itself_nowhere() -> None:
    data = load_training_data(PROJECT / "nlu_models" / "bank" / "en")
    taught: dict[str, str] = {}
    for intent, many in data.intents.items():
        for one in many:
            assert taught.setdefault(one.text.lower(), intent) == intent, one.text
