"""`ivrctl serve`: it replaces what it loses, and leaves nothing behind, however it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ivr.settings import PROJECT
from ivr.supervision.notes import NOTES, read_notes
from tests.cli.running import ivrctl
from tests.e2e.stack import Stack, send, until

pytestmark = [pytest.mark.postgres, pytest.mark.redis]

REPLACED_S = 20.0
SPARE_LOADED_S = 60.0
"""Nobody waits for a spare worker: it is loaded after everything else."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("serve") / "var", workers=2) as running:
        yield running


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False


def gone(pids: list[int]) -> bool:
    """Whether all have ended; what awaits its parent's word counts as ended."""
    for pid in pids:
        try:
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                return False
        except psutil.NoSuchProcess:
            continue
    return True


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_worker_that_died_or_froze_is_replaced(stack: Stack, how: signal.Signals) -> None:
    before = len(stack.events("ward_lost")), len(stack.events("ward_replaced"))
    pid = stack.worker_pid("worker-1")
    send(pid, how)
    until(lambda: len(stack.events("ward_lost")) > before[0], 5.0, "the loss is seen")
    until(lambda: len(stack.events("ward_replaced")) > before[1], REPLACED_S, "it is replaced")
    lost = stack.events("ward_lost")[before[0] :]
    replaced = stack.events("ward_replaced")[before[1] :]
    assert [entry["ward"] for entry in lost] == ["worker-1"]
    assert [entry["ward"] for entry in replaced] == ["worker-1"]
    assert lost[0]["level"] == "error"
    assert replaced[0]["worker"] == "supervisor"
    assert stack.worker_pid("worker-1") != pid
    assert gone([pid])
    assert answers(stack.notes.audiosocket_ports[1])


def test_the_spare_worker_stands_in_and_ends_with_the_rest(tmp_path: Path) -> None:
    with Stack(tmp_path / "var", environment={"IVR_SPARE_WORKERS": "1"}) as stack:
        spare = stack.until_logged("spare_worker_loaded", within_s=SPARE_LOADED_S)["pid"]
        send(stack.worker_pid("worker-0"), signal.SIGKILL)
        stack.until_logged("ward_replaced", ward="worker-0", within_s=REPLACED_S)
        assert stack.worker_pid("worker-0") == spare
        assert answers(stack.notes.audiosocket_ports[0])
        ready = [entry["worker"] for entry in stack.events("worker_ready")]
        assert ready == ["worker-0", "worker-0"]
        until(lambda: len(stack.events("spare_worker_loaded")) == 2, SPARE_LOADED_S, "another one")
        everything = stack.descendants()
        stack.process.send_signal(signal.SIGTERM)
        assert stack.process.wait(15) == 0
        assert gone(everything)


def test_the_bank_is_replaced(stack: Stack) -> None:
    def bank() -> list[int]:
        lines = {pid: psutil.Process(pid).cmdline() for pid in stack.descendants()}
        return [pid for pid, line in lines.items() if "ivr.integrations.bank_api" in line]

    before = bank()
    assert len(before) == 1
    send(before[0], signal.SIGKILL)
    stack.until_logged("ward_replaced", ward="bank-api", within_s=REPLACED_S)
    assert len(bank()) == 1
    assert bank() != before


def test_a_second_one_on_the_same_folder_is_refused(stack: Stack, tmp_path: Path) -> None:
    ran = ivrctl(tmp_path, "serve", environment={"IVR_VAR_DIR": str(stack.folder)})
    assert "is in use by another process. Stop that process, or set IVR_VAR_DIR" in ran.sentence
    assert read_notes(stack.folder) == stack.notes


def test_every_line_is_an_event(stack: Stack) -> None:
    lines = stack.log.read_text().splitlines()
    assert lines
    assert [line for line in lines if not line.startswith("{")] == []
    for entry in stack.events():
        assert {"at", "level", "event", "worker"} <= entry.keys()


def test_asked_to_end_it_ends_everything(tmp_path: Path) -> None:
    with Stack(tmp_path / "var") as stack:
        everything = stack.descendants()
        assert len(everything) >= 5
        stack.process.send_signal(signal.SIGTERM)
        assert stack.process.wait(15) == 0
        assert gone(everything)
        assert not (stack.folder / NOTES).exists()
        assert not answers(stack.notes.audiosocket_ports[0])


def test_killed_it_leaves_nothing_behind(tmp_path: Path) -> None:
    with Stack(tmp_path / "var") as stack:
        everything = stack.descendants()
        stack.process.kill()
        stack.process.wait()
        until(lambda: gone(everything), 15, "all has ended")
        assert read_notes(stack.folder) is None
    # And what it left on disk is no hindrance.
    with Stack(tmp_path / "var"):
        pass


@pytest.mark.parametrize("after_s", [0.0, 0.5, 1.2])
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_ended_while_it_starts(tmp_path: Path, how: signal.Signals, after_s: float) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": str(PROJECT),
        "IVR_VAR_DIR": str(tmp_path / "var"),
        "IVR_AUDIOSOCKET_PORT": "0",
        "IVR_FREESWITCH_PORT": "0",
        "IVR_HTTP_PORT": "0",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "ivr.cli.main", "serve"],
        env=environment,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    ) as process:
        # Until then it is Python that starts, which has manners of its own.
        until((tmp_path / "var").exists, 30, "it has begun")
        time.sleep(after_s)
        everything = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
        process.send_signal(how)
        _, said = process.communicate(timeout=20)
    assert b"Traceback" not in said
    until(lambda: gone(everything), 10, "all has ended")
    assert process.returncode in (0, 130, -how)
