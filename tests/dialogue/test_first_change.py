"""docs/first-change.md is followed to the letter, in a copy, and does what it says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.dialogue.talking import PROJECT

PAGE = (PROJECT / "docs" / "first-change.md").read_text()
EDIT = re.compile(
    r"^(?P<verb>Add to|Change in|Append to|Write) `(?P<file>[^`]+)`(?:, `(?P<place>[^`]+)`)?:\n\n"
    r"```(?:json|yaml)\n(?P<content>.*?)```|^```sh\n(?P<shell>.*?)```",
    re.MULTILINE | re.DOTALL,
)
BIN = Path(sys.executable).parent


class Newcomer:
    """Somebody with the project's folder, a shell and an editor."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("flows", "nlu_models", "scenarios"):
            shutil.copytree(PROJECT / name, folder / name)
        self.said: list[str] = []

    def follow(self, step: re.Match[str]) -> None:
        if step["shell"] is not None:
            if "serve" not in step["shell"]:
                self.said.append(self.run(step["shell"]))
            return
        path = self.folder / step["file"]
        match step["verb"]:
            case "Write":
                path.write_text(step["content"])
            case "Append to":
                path.write_text(path.read_text() + step["content"])
            case verb:
                document = json.loads(path.read_text())
                edit(document, step["place"].split(), json.loads(step["content"]), verb)
                path.write_text(json.dumps(document, indent=2, ensure_ascii=False))

    def run(self, commands: str) -> str:
        environment = {
            **os.environ,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "IVR_VAR_DIR": str(self.folder / "var"),
        }
        done = subprocess.run(
            ["bash", "-ec", commands],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


def edit(document: Any, place: list[str], content: Any, verb: str) -> None:
    """Add to, or change, what stands at `place`; nodes are found by their ids."""
    *way, last = place
    here = document
    for name in way:
        if isinstance(here, list):
            here = next(each for each in here if each["id"] == name)
        else:
            here = here[name]
    if verb == "Change in":
        assert last in here
        here[last] = content
    elif isinstance(here[last], list):
        here[last] += content
    else:
        assert not content.keys() & here[last].keys()
        here[last] |= content


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Newcomer:
    newcomer = Newcomer(tmp_path_factory.mktemp("newcomer"))
    for step in EDIT.finditer(PAGE):
        newcomer.follow(step)
    return newcomer


def test_every_block_of_the_page_is_a_step() -> None:
    assert len(EDIT.findall(PAGE)) == PAGE.count("```") // 2


def test_it_comes_out_as_the_page_says(newcomer: Newcomer) -> None:
    copied, halfway, clean, meant, played = newcomer.said
    assert "no faults" in copied
    for template in ("stolen_calm", "stolen_help"):
        assert f'There is no template "{template}"' in halfway
    assert "my/flows/bank.json:" in halfway
    assert "no faults in 39 nodes" in clean
    first, second = meant.split("report_stolen_abroad", 1)
    assert "block_card" not in first
    assert "block_card" in second
    assert "4 passed, 0 failed" in played


def test_what_worked_before_still_does(newcomer: Newcomer) -> None:
    for path in (newcomer.folder / "my" / "flows").glob("bank*.json"):
        shutil.copy(path, newcomer.folder / "flows")
    shutil.rmtree(newcomer.folder / "nlu_models" / "bank")
    shutil.copytree(
        newcomer.folder / "my" / "nlu_models" / "bank", newcomer.folder / "nlu_models" / "bank"
    )
    played = newcomer.run("ivrctl scenario run scenarios my/scenarios")
    assert ", 0 failed" in played


def test_a_forgotten_language_is_named_with_its_place(newcomer: Newcomer) -> None:
    path = newcomer.folder / "my" / "flows" / "bank.json"
    whole = path.read_text()
    document = json.loads(whole)
    del document["templates"]["stolen_calm"]["hi"]
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False))
    said = newcomer.run("ivrctl flow check my/flows/bank.json || true")
    path.write_text(whole)
    line = next(
        n
        for n, text in enumerate(json.dumps(document, indent=2).splitlines(), 1)
        if '"stolen_calm": {' in text
    )
    assert f"my/flows/bank.json:{line}: " in said
    assert 'lacks the language "hi"' in said
