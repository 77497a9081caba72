"""The line for public schemes: what it knows is found, sourced, and told in every language."""

from __future__ import annotations

import pytest

from ivr.dialogue.flow import Flow, KnowledgeBase
from ivr.dialogue.flow_file import KnowledgeEntry
from ivr.nlu.training_data import load_training_data
from tests.dialogue.talking import PROJECT, Talk

FLOW = Flow.load(PROJECT / "flows" / "schemes.json")
ENTRIES = [
    pytest.param(base, entry, id=entry.name)
    for base in FLOW.knowledge.values()
    for entry in base.entries.values()
]


@pytest.mark.parametrize(("base", "entry"), ENTRIES)
def test_an_answer_has_a_source_and_how_to_apply(
    base: KnowledgeBase, entry: KnowledgeEntry
) -> None:
    assert entry.source
    assert entry.more is not None
    assert entry.key is not None
    assert set(entry.phrases) == set(FLOW.languages)


@pytest.mark.parametrize(("base", "entry"), ENTRIES)
def test_an_answer_is_found_by_its_own_phrases_alone(
    base: KnowledgeBase, entry: KnowledgeEntry
) -> None:
    for language, phrases in entry.phrases.items():
        for phrase in phrases:
            best, *others = base.search.find(phrase, language)
            assert best.name == entry.name, phrase
            assert not others or others[0].score < 0.9 * best.score, phrase


@pytest.mark.parametrize("language", FLOW.languages)
def test_every_subject_is_taught(language: str) -> None:
    data = load_training_data(PROJECT / "nlu_models" / "schemes" / language)
    assert set(FLOW.routes) <= set(data.intents)
    assert "how_to_apply" in data.intents


@pytest.mark.parametrize("language", FLOW.languages)
def test_what_is_out_of_scope_is_no_answer(language: str) -> None:
    data = load_training_data(PROJECT / "nlu_models" / "schemes" / language)
    for base in FLOW.knowledge.values():
        for example in data.intents["out_of_scope"]:
            found = base.search.find(example.text, language)
            assert not found or found[0].score < 0.75, example.text


@pytest.mark.parametrize(
    ("age", "says"),
    [
        ("17", "begin at the age of eighteen"),
        ("18", "the pension scheme"),
        ("40", "the pension scheme"),
        ("41", "life insurance and accident insurance"),
        ("50", "life insurance and accident insurance"),
        ("51", "you can join accident insurance"),
        ("69", "you can join accident insurance"),
        ("70", "everybody can get hospital treatment"),
        ("101", "everybody can get hospital treatment"),
    ],
)
def test_what_there_is_at_an_age(age: str, says: str) -> None:
    talk = Talk(FLOW, language="en")
    talk.key("5")
    talk.key(age)
    talk.key("2")
    assert says in " ".join(talk.key("2"))
