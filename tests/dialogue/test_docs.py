"""docs/flows.md is the flow language: its examples work, and nothing is left out."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ivr.dialogue.flow import Flow
from ivr.dialogue.flow_file import FlowFile
from ivr.dialogue.flow_schema import flow_reference, flow_schema
from ivr.dialogue.global_intents import GLOBAL_INTENTS
from ivr.dialogue.ladder import LADDER
from ivr.dialogue.node_kinds import NODE_KINDS
from ivr.dialogue.nodes.slot_types import SLOT_TYPES
from ivr.dialogue.service_prompts import SERVICE_NAMES, SERVICE_VARIABLES
from ivr.dialogue.templates import Text
from ivr.languages.known import known_languages
from tests.dialogue.talking import PROJECT

PAGE = (PROJECT / "docs" / "flows.md").read_text()
REFERENCE = (PROJECT / "docs" / "flow-reference.md").read_text()
SCHEMA = PROJECT / "flows" / "flow.schema.json"
EXAMPLES: list[dict[str, Any]] = [
    json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, flags=re.S)
]


def test_the_smallest_flow_is_one() -> None:
    assert Flow.parse(json.dumps(EXAMPLES[0])).agent == "agent"


@pytest.mark.parametrize("example", EXAMPLES[1:], ids=lambda example: str(example["id"]))
def test_examples_of_nodes_are_nodes(example: dict[str, Any]) -> None:
    kind = NODE_KINDS[example["type"]]
    config = kind.config.model_validate(example["config"])
    ways = example.get("next", {})
    given = {"done"} if isinstance(ways, str) else set(ways)
    outcomes = kind.outcomes(config)
    assert outcomes.any_name or any(one <= given for one in outcomes.either)
    assert outcomes.any_name or given <= outcomes.known


def test_every_type_has_an_example() -> None:
    assert {example["type"] for example in EXAMPLES[1:]} == set(NODE_KINDS)


def test_everything_is_named() -> None:
    fields = [field.alias or name for name, field in FlowFile.model_fields.items()]
    names = [*fields, *SLOT_TYPES, *GLOBAL_INTENTS]
    for kind in NODE_KINDS.values():
        names += kind.config.model_fields
    unnamed = {name for name in names if not re.search(rf"(?<!\w){re.escape(name)}\b", PAGE)}
    assert unnamed == set()


def test_what_is_generated_is_up_to_date() -> None:
    assert flow_reference() == REFERENCE, "run: ivrctl flow reference > docs/flow-reference.md"
    published = json.loads(SCHEMA.read_text())
    assert flow_schema() == published, "run: ivrctl flow schema > flows/flow.schema.json"


def test_every_built_in_sentence_is_in_the_reference() -> None:
    assert {name for name in SERVICE_NAMES if f"| `{name}` |" not in REFERENCE} == set()


def test_the_table_of_repair_is_that_of_the_code() -> None:
    for trouble, rungs in LADDER.items():
        cells = [trouble.value, *(rung.value for rung in rungs)]
        row = "| " + " | ".join(cell.replace("_", " ") for cell in cells) + " |"
        assert row in PAGE


def test_every_language_has_every_service_prompt_with_its_variables() -> None:
    for code, language in known_languages().items():
        assert set(language.prompts) == SERVICE_NAMES
        for name, source in language.prompts.items():
            assert Text(source, code).variables <= SERVICE_VARIABLES.get(name, frozenset())
