"""Turns as Label Studio's tasks, and its annotations as examples.

https://labelstud.io/guide/tasks#Basic-Label-Studio-JSON-format and
https://labelstud.io/guide/predictions; an annotator picks one intent and marks entities.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import quoteattr

from pydantic import BaseModel, Field, ValidationError

from ivr.errors import IvrError
from ivr.nlu.annotation import Annotation, Example
from ivr.nlu.interpreter import Interpretation

_INTENT, _ENTITY, _TEXT = "intent", "entity", "text"


class BadAnnotations(IvrError):
    """A file that is no export of Label Studio's, or of another labelling project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A turn to be looked at: why, and what the engine makes of it now."""

    call_id: str
    number: int
    language: str
    node: str
    why: str
    said: Interpretation


class _Value(BaseModel):
    choices: list[str] = []
    labels: list[str] = []
    start: int = 0
    end: int = 0


class _Result(BaseModel):
    type: str
    value: _Value = Field(default_factory=_Value)


class _Annotation(BaseModel):
    was_cancelled: bool = False
    result: list[_Result] = []


class _Data(BaseModel):
    text: str
    language: str


class _Task(BaseModel):
    data: _Data
    annotations: list[_Annotation] = []


class _Tasks(BaseModel):
    tasks: list[_Task]


def label_config(intents: Iterable[str], entities: Iterable[str]) -> str:
    """The labelling interface of a project for such tasks, in Label Studio's XML."""
    choices = "".join(f"\n    <Choice value={quoteattr(name)}/>" for name in sorted(intents))
    labels = "".join(f"\n    <Label value={quoteattr(name)}/>" for name in sorted(entities))
    return (
        "<View>\n"
        f'  <Labels name="{_ENTITY}" toName="{_TEXT}">{labels}\n  </Labels>\n'
        f'  <Text name="{_TEXT}" value="$text"/>\n'
        f'  <Choices name="{_INTENT}" toName="{_TEXT}" choice="single">{choices}\n  </Choices>\n'
        "</View>\n"
    )


def write_tasks(tasks: Sequence[Task]) -> str:
    """JSON to import into Label Studio; what the engine made of each turn is its prediction."""
    return json.dumps([_task(task) for task in tasks], ensure_ascii=False, indent=1) + "\n"


def read_annotations(text: str) -> list[tuple[str, str, Example]]:
    """(language, intent, example) of each annotated task of Label Studio's JSON export.

    The latest annotation counts; cancelled ones and tasks without an intent are left out. Raises
    BadAnnotations.
    """
    try:
        tasks = _Tasks.model_validate({"tasks": json.loads(text)}).tasks
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"][1:]))
        raise BadAnnotations(f"At {place}: {first['msg']}.", remedy=_EXPORT) from None
    except ValueError as error:
        raise BadAnnotations(f"This is not JSON: {error}.", remedy=_EXPORT) from None
    found = []
    for task in tasks:
        given = [one.result for one in task.annotations if not one.was_cancelled]
        intent = _intent(given[-1]) if given else None
        if intent is not None:
            found.append((task.data.language, intent, _example(task.data.text, given[-1])))
    return found


_EXPORT = "Export the project from Label Studio as JSON."


def _task(task: Task) -> dict[str, Any]:
    said = task.said
    return {
        "data": {
            "text": said.text,
            "language": task.language,
            "call_id": task.call_id,
            "number": task.number,
            "node": task.node,
            "why": task.why,
        },
        "predictions": [
            {
                "model_version": said.model,
                "score": round(said.confidence, 4),
                "result": [
                    {
                        "from_name": _INTENT,
                        "to_name": _TEXT,
                        "type": "choices",
                        "value": {"choices": [said.intent]},
                    },
                    *(
                        {
                            "from_name": _ENTITY,
                            "to_name": _TEXT,
                            "type": "labels",
                            "value": {
                                "start": entity.start,
                                "end": entity.end,
                                "text": entity.text,
                                "labels": [entity.kind],
                            },
                        }
                        for entity in said.entities
                    ),
                ],
            }
        ],
    }


def _intent(results: Iterable[_Result]) -> str | None:
    chosen = [one.value.choices for one in results if one.type == "choices"]
    return chosen[0][0] if chosen and chosen[0] else None


def _example(text: str, results: Iterable[_Result]) -> Example:
    marks = sorted(
        (one.value.start, one.value.end, one.value.labels[0])
        for one in results
        if one.type == "labels" and one.value.labels
    )
    kept: list[Annotation] = []
    for start, end, kind in marks:
        if (kept[-1].end if kept else 0) <= start < end <= len(text):
            kept.append(Annotation(kind=kind, start=start, end=end))
    return Example(text=text, annotations=tuple(kept))
