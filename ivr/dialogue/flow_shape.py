"""The shape of a flow file: pydantic's findings, in words for the file's author."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ivr.dialogue.faults import did_you_mean
from ivr.dialogue.flow_file import (
    Entry,
    FlowFile,
    GlobalIntent,
    KnowledgeEntry,
    NodePart,
    Subflow,
    Thresholds,
)
from ivr.dialogue.nodes.condition import Case
from ivr.dialogue.nodes.options import Option
from ivr.dialogue.nodes.slot_types import SLOT_TYPES
from ivr.dialogue.positions import Path

M = TypeVar("M", bound=BaseModel)

_PARTS: dict[str, type[BaseModel]] = {
    "entry": Entry,
    "thresholds": Thresholds,
    "global_intents": GlobalIntent,
    "nodes": NodePart,
    "knowledge": KnowledgeEntry,
    "subflows": Subflow,
    "cases": Case,
    "options": Option,
}


def validated(model: type[M], data: Any) -> tuple[M | None, Sequence[Any]]:
    """Return the model of `data`, or None and what pydantic found wrong."""
    try:
        return model.model_validate(data), ()
    except ValidationError as error:
        return None, error.errors(include_url=False)


def shape_faults(model: type[BaseModel], errors: Sequence[Any]) -> Iterator[tuple[Path, str, str]]:
    """Pydantic's `errors` as (path, what, suggestion)."""
    for error in errors:
        path: Path = tuple(part for part in error["loc"] if part != "[key]")
        last = path[-1] if path else ""
        match error["type"]:
            case "extra_forbidden":
                fields = _part_around(model, path).model_fields
                yield path, f'There is no field "{last}" here.', did_you_mean(str(last), fields)
            case "missing":
                yield path, f'The field "{last}" is missing.', "Add it."
            case "literal_error" if last == "type":
                given = str(error["input"])
                yield path, f'"{given}" is no type of slot.', did_you_mean(given, SLOT_TYPES)
            case "string_pattern_mismatch":
                what = f'"{error["input"]}" cannot be used here.'
                yield path, what, f"It has to look like {error['ctx']['pattern']}."
            case _:
                where = f'"{last}"' if path else "The document"
                yield path, f"{where} is wrong: {error['msg'].lower()}.", ""


def _part_around(model: type[BaseModel], path: Path) -> type[BaseModel]:
    names = [part for part in path[:-1] if isinstance(part, str)]
    if not names:
        return model
    if model is FlowFile:
        return _PARTS["nodes"] if "nodes" in names[:3] else _PARTS.get(names[0], model)
    return _PARTS.get(names[-1], model)
