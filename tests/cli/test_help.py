"""`--help` of every command: there at once, with an example."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ivr.cli.main import COMMANDS, cli
from tests.cli.running import ivrctl


def _commands(group: click.Group, way: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield way
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _commands(command, (*way, name))
        else:
            yield (*way, name)


_SLOW = (
    "faster_whisper",
    "onnxruntime",
    "panoramisk",
    "prometheus_client",
    "psycopg",
    "psycopg_pool",
    "redis",
    "spacy",
    "tokenizers",
    "uvloop",
    "vosk",
    "websockets",
)
"""What is slow to load, or belongs to a running call and not to an explanation."""


@pytest.mark.parametrize("command", list(_commands(cli)), ids=" ".join)
def test_help_loads_no_engine_and_writes_nothing(tmp_path: Path, command: tuple[str, ...]) -> None:
    ran = ivrctl(tmp_path, *command, "--help", hidden=_SLOW)
    assert ran.status == 0
    assert ran.err == ""
    assert re.search(r"Example: .*ivrctl ", ran.out)
    assert not (tmp_path / "var").exists()


def test_the_list_of_commands_loads_none_of_them(tmp_path: Path) -> None:
    ran = ivrctl(tmp_path, "--help", hidden=["vosk", "numpy", "pydantic", "structlog", "rich"])
    assert ran.status == 0
    for name, (_, what) in COMMANDS.items():
        assert f"{name} " in ran.out
        assert what in ran.out


def test_ivrctl_alone_shows_its_commands(tmp_path: Path) -> None:
    ran = ivrctl(tmp_path)
    assert ran.status == 2
    assert "Commands:" in ran.err


def test_version(tmp_path: Path) -> None:
    assert ivrctl(tmp_path, "--version").out.startswith("ivrctl, version ")
