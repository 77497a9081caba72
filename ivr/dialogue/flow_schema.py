"""The published JSON Schema (draft 2020-12) of flow files, made from the models that read them, so
that editors complete and check what is written; and the reference page made from it.
"""

from __future__ import annotations

from typing import Any

from ivr.dialogue.flow_file import FlowFile
from ivr.dialogue.node_kinds import NODE_KINDS
from ivr.dialogue.nodes.kind import NodeKind
from ivr.languages.known import language

_ID = {"type": "string", "pattern": "^[a-z][a-z0-9_]*$"}


def flow_schema() -> dict[str, Any]:
    """The schema of a flow file."""
    schema = FlowFile.model_json_schema(by_alias=True)
    definitions = schema["$defs"]
    choices = []
    for name, kind in sorted(NODE_KINDS.items()):
        config = kind.config.model_json_schema(ref_template="#/$defs/{model}")
        definitions.update(config.pop("$defs", {}))
        definitions[f"config_of_{name}"] = config
        choices.append(_node(name, kind, config))
    definitions["NodePart"] = {
        "description": "A node: its type says which config it takes.",
        "type": "object",
        "required": ["id", "type"],
        "properties": {"id": _ID, "type": {"enum": sorted(NODE_KINDS)}},
        "oneOf": choices,
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_described(schema)}


def flow_reference() -> str:
    """Every field of every type of node, and every built-in sentence, as a Markdown page."""
    lines = [
        "# Reference of the flow language",
        "",
        "Made by `ivrctl flow reference` from the models that read flow files; "
        "[flows.md](flows.md) explains, with examples.",
    ]
    for name, kind in NODE_KINDS.items():
        config = kind.config.model_json_schema()
        needed = config.get("required", [])
        lines += ["", f"## {name}", "", _prose(kind.__doc__)]
        if config.get("description"):
            lines += ["", _prose(config["description"])]
        lines += ["", "| field | type | default |", "|---|---|---|"]
        for field, shape in config["properties"].items():
            default = "needed" if field in needed else _default(shape)
            lines.append(f"| `{field}` | {_type(shape)} | {default} |")
    lines += ["", "## Built-in sentences", ""]
    lines += ["A template of the same name replaces one.", "", "| name | in English |", "|---|---|"]
    prompts = language("en").prompts
    lines += [
        f"| `{name}` | {text.replace('|', chr(92) + '|')} |" for name, text in prompts.items()
    ]
    return "\n".join(lines) + "\n"


def _node(name: str, kind: NodeKind[Any], config: dict[str, Any]) -> dict[str, Any]:
    node: dict[str, Any] = {
        "title": name,
        "description": _prose(kind.__doc__),
        "properties": {
            "id": _ID,
            "type": {"const": name},
            "config": {"$ref": f"#/$defs/config_of_{name}"},
            "next": {
                "description": "Outcome to the id of the next node; a bare id is its only one.",
                "anyOf": [
                    {"type": "string"},
                    {"type": "object", "additionalProperties": {"type": "string"}},
                ],
            },
        },
        "required": ["id", "type", *(["config"] if config.get("required") else [])],
        "additionalProperties": False,
    }
    return node


def _described(schema: Any) -> Any:
    """`schema` with docstrings as flowing text."""
    if isinstance(schema, dict):
        return {
            name: _prose(value)
            if name == "description" and isinstance(value, str)
            else _described(value)
            for name, value in schema.items()
        }
    return [_described(one) for one in schema] if isinstance(schema, list) else schema


def _prose(text: str | None) -> str:
    return " ".join((text or "").replace("See `NodeKind`.", "").split())


def _default(shape: dict[str, Any]) -> str:
    value = shape.get("default")
    if value in (None, "", [], {}):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _type(shape: dict[str, Any]) -> str:
    if "enum" in shape:
        return ", ".join(f"`{value}`" for value in shape["enum"])
    if "$ref" in shape:
        return str(shape["$ref"]).rpartition("/")[2].lower()
    if "anyOf" in shape:
        kinds = [_type(one) for one in shape["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if shape.get("type") == "array":
        return f"list of {_type(shape.get('items', {}))}"
    if shape.get("type") == "object":
        return "object"
    return {"string": "text", "boolean": "true or false"}.get(
        str(shape.get("type")), str(shape.get("type", "any"))
    )
