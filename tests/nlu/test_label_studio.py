"""Label Studio's files, there and back."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

from ivr.nlu.annotation import Annotation, Example
from ivr.nlu.interpreter import Entity, Interpretation, ScoredIntent
from ivr.nlu.label_studio import Task, label_config, read_annotations, write_tasks

TASK = Task(
    call_id="c",
    number=3,
    language="en",
    node="main",
    why="low confidence",
    said=Interpretation(
        text="block my visa",
        intents=(ScoredIntent(name="block_card", confidence=0.41),),
        entities=(Entity(kind="card_type", value="visa", text="visa", start=9, end=13),),
        model="spacy:en-1",
    ),
)


def annotated(*annotations: list[dict[str, Any]], **more: Any) -> str:
    task = json.loads(write_tasks([TASK]))[0]
    task["annotations"] = [{"result": result, **more} for result in annotations]
    return json.dumps([task])


def chosen(intent: str) -> dict[str, Any]:
    return {"type": "choices", "value": {"choices": [intent]}}


def marked(start: int, end: int, kind: str = "card_type") -> dict[str, Any]:
    return {"type": "labels", "value": {"start": start, "end": end, "labels": [kind]}}


def test_a_prediction_accepted_as_it_is_comes_back_as_an_example() -> None:
    prediction = json.loads(write_tasks([TASK]))[0]["predictions"][0]
    assert prediction["model_version"] == "spacy:en-1"
    assert read_annotations(annotated(prediction["result"])) == [
        (
            "en",
            "block_card",
            Example(
                text="block my visa",
                annotations=(Annotation(kind="card_type", start=9, end=13),),
            ),
        )
    ]


def test_the_latest_annotation_counts() -> None:
    found = read_annotations(annotated([chosen("help")], [chosen("block_card")]))
    assert [intent for _, intent, _ in found] == ["block_card"]


def test_cancelled_empty_and_missing_annotations_teach_nothing() -> None:
    assert read_annotations(annotated([chosen("help")], was_cancelled=True)) == []
    assert read_annotations(annotated([marked(9, 13)])) == []
    assert read_annotations(annotated()) == []


def test_marks_that_overlap_or_lie_outside_are_let_go() -> None:
    text = annotated([chosen("help"), marked(9, 13), marked(10, 12), marked(3, 3), marked(0, 99)])
    assert read_annotations(text)[0][2].annotations == (
        Annotation(kind="card_type", start=9, end=13),
    )


def test_the_labelling_interface_names_all() -> None:
    root = ET.fromstring(label_config({"b<c", "a"}, {"date"}))
    assert [one.get("value") for one in root.iter("Choice")] == ["a", "b<c"]
    assert [one.get("value") for one in root.iter("Label")] == ["date"]
    assert {one.get("name") for one in root.iter() if one.get("name")} == {
        *("intent", "entity", "text")
    }
