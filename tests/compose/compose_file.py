"""docker-compose.yml as Compose reads it: YAML with merge keys, then interpolation.

The forms of interpolation are those of the Compose Specification, chapter "Interpolation", as far
as our file uses them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from ivr.settings import PROJECT

FILE = PROJECT / "docker-compose.yml"

_VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?P<required>:\?(?P<what>[^}]*))?\})")


class Unset(Exception):
    """A variable that has to be set is not."""


def load(environment: Mapping[str, str]) -> dict[str, Any]:
    """The file with `environment` filled in. Raises Unset."""

    def interpolated(value: Any) -> Any:
        if isinstance(value, str):
            return _VARIABLE.sub(filled, value)
        if isinstance(value, list):
            return [interpolated(each) for each in value]
        if isinstance(value, dict):
            return {key: interpolated(each) for key, each in value.items()}
        return value

    def filled(found: re.Match[str]) -> str:
        name = found["name"]
        if name is None:
            return "$"
        if not environment.get(name):
            raise Unset(found["what"] or name)
        return environment[name]

    document: dict[str, Any] = interpolated(yaml.safe_load(FILE.read_text()))
    return document


def mounts(service: Mapping[str, Any], kind: str) -> list[tuple[str, str]]:
    """Source and target of a service's `configs` or `secrets`, in their short and long form."""
    where = "/run/secrets/" if kind == "secrets" else "/"
    found = []
    for each in service.get(kind, []):
        if isinstance(each, str):
            found.append((each, where + each))
        else:
            found.append((each["source"], each["target"]))
    return found


def volumes(service: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Source and target of a service's volumes."""
    return [tuple(each.split(":")[:2]) for each in service.get("volumes", [])]
