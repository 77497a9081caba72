"""The JSON schema of scenario files, for editors."""

from __future__ import annotations

import json

from ivr.scenarios.scenario import ScenarioFile


def schema_text() -> str:
    """The schema, as it is published in scenarios/schema.json."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **ScenarioFile.model_json_schema(),
    }
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
