"""What the tests of scenarios share: files to load, and a stack behind a real Asterisk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ivr.ports import free_ports
from ivr.scenarios.scenario_file import Loaded, load_scenarios
from ivr.settings import PROJECT
from tests.e2e.stack import Stack
from tests.freeswitch.switch import FreeSwitch
from tests.freeswitch.switch import binary as freeswitch_binary
from tests.prompts import render_tones
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


@pytest.fixture(scope="module")
def freeswitch_stack(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Stack, FreeSwitch]]:
    """One worker, to which a real FreeSWITCH hands its calls."""
    if freeswitch_binary() is None:
        pytest.skip("NO REAL FREESWITCH: IVR_FREESWITCH names no binary")
    folder = tmp_path_factory.mktemp("freeswitch-scenarios")
    with Stack(folder / "var") as stack:
        (port,) = stack.notes.freeswitch_ports
        worker = f"127.0.0.1:{port}"
        sip_port, event_socket_port = free_ports(2)
        values = {"ivr_worker_1": worker, "ivr_worker_2": worker}
        switch = FreeSwitch(folder, sip_port, event_socket_port, values=values)
        render_tones(folder / "sounds", "freeswitch")
        switch.start()
        try:
            yield stack, switch
        finally:
            switch.stop()
