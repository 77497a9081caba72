"""What the tests of scenarios share: files to load, and a stack behind a real Asterisk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ivr.scenarios.scenario_file import Loaded, load_scenarios
from ivr.settings import PROJECT
from tests.e2e.stack import Stack
from tests.telephony.asterisk.switch import AsteriskSwitch

SCENARIOS = PROJECT / "scenarios"

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a scenario file."""

    def write(text: str) -> Path:
        file = tmp_path / "made.yml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


@pytest.fixture(scope="session")
def published() -> list[Loaded]:
    """The scenarios of the project."""
    return load_scenarios([SCENARIOS])


@pytest.fixture(scope="module")
def scenario_stack(
    spoken_asterisk: AsteriskSwitch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """One worker, to which `spoken_asterisk` hands its calls."""
    environment = {
        "IVR_AMI_PORT": str(spoken_asterisk.ami_port),
        "IVR_AMI_USER": spoken_asterisk.ami_user,
        "IVR_AMI_SECRET": spoken_asterisk.ami_secret,
    }
    folder = tmp_path_factory.mktemp("scenarios") / "var"
    with Stack(folder, environment=environment) as stack:
        spoken_asterisk.use_workers(*stack.notes.audiosocket_ports)
        yield stack
