"""docs/flows.md is the flow language: its examples work, and nothing is left out."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ivr.dialogue.flow import Flow
from ivr.dialogue.flow_file import FlowFile
from ivr.dialogue.global_intents import GLOBAL_INTENTS
from ivr.dialogue.nodes import NODE_KINDS
from ivr.dialogue.nodes.slot_types import SLOT_TYPES
from ivr.dialogue.service_prompts import SERVICE_NAMES, SERVICE_PROMPTS, SERVICE_VARIABLES
from ivr.dialogue.templates import Text
from tests.dialogue.talking import PROJECT

PAGE = (PROJECT / "docs" / "flows.md").read_text()
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
    names = [*FlowFile.model_fields, *SLOT_TYPES, *GLOBAL_INTENTS, *SERVICE_NAMES]
    for kind in NODE_KINDS.values():
        names += kind.config.model_fields
    unnamed = {name for name in names if not re.search(rf"\b{re.escape(name)}\b", PAGE)}
    assert unnamed == set()


def test_every_language_has_every_service_prompt_with_its_variables() -> None:
    for language, prompts in SERVICE_PROMPTS.items():
        assert set(prompts) == SERVICE_NAMES
        for name, source in prompts.items():
            assert Text(source, language).variables <= SERVICE_VARIABLES.get(name, frozenset())
