"""The core touches no socket, no clock, no engine: not by itself, not by what it imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from tests.dialogue.talking import PROJECT

ALLOWED = {
    "__future__", "abc", "bisect", "collections", "dataclasses", "datetime", "decimal", "difflib",
    "enum", "functools", "hashlib", "html", "itertools", "json", "math", "pathlib", "re", "typing",
    "unicodedata", "urllib.parse", "jinja2", "num2words", "pydantic", "rapidfuzz",
}  # fmt: skip
"""What decides may use: `pathlib` only to read flow and language files at loading."""


def imported_by(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names.add(node.module or "")
    return names


def is_allowed(name: str) -> bool:
    return any(name == allowed or name.startswith(allowed + ".") for allowed in ALLOWED)


def loaded_by_the_core() -> list[Path]:
    """The files of this project that are loaded when the whole of the core is."""
    modules = [
        ".".join(path.relative_to(PROJECT).with_suffix("").parts)
        for path in (PROJECT / "ivr" / "dialogue").rglob("*.py")
    ]
    program = (
        "import importlib, sys\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "print(*(m.__file__ for n, m in sys.modules.items() if n.split('.')[0] == 'ivr'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=PROJECT
    )
    return [Path(name) for name in done.stdout.split()]


def test_the_core_imports_nothing_that_does_io() -> None:
    files = loaded_by_the_core()
    assert PROJECT / "ivr/dialogue/executor.py" in files
    assert PROJECT / "ivr/nlu/interpreter.py" in files
    strangers = {
        f"{path.relative_to(PROJECT)}: {name}"
        for path in files
        for name in imported_by(path)
        if not is_allowed(name) and not name.startswith("ivr.")
    }
    assert strangers == set()


def test_of_this_project_the_core_loads_only_itself_the_languages_and_two_ports() -> None:
    rooms = {path.relative_to(PROJECT / "ivr").parts[0] for path in loaded_by_the_core()}
    assert rooms == {"__init__.py", "dialogue", "errors.py", "languages", "nlu"}
