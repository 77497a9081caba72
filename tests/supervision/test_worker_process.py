"""What the supervisor sees of a worker that freezes, or cannot start."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ivr.errors import IvrError
from ivr.ports import free_ports
from ivr.supervision.spare_workers import SpareWorkers
from ivr.supervision.worker_process import WorkerProcess
from tests.supervision.programs import SERVES, workers_run

ANSWERS_UNTIL_IT_IS_ASKED_FOR_LIFE = SERVES.replace(
    "    asking.recv(4096)\n",
    '    if b"/live" in asking.recv(4096):\n        os.kill(os.getpid(), signal.SIGSTOP)\n',
)


def process() -> WorkerProcess:
    port = free_ports(1)[0]
    settings = {"IVR_HTTP_PORT": str(port)}
    return WorkerProcess(
        "worker-0", "127.0.0.1", port, settings, SpareWorkers({}, 0), deadline_s=20
    )


async def test_one_that_freezes_while_it_is_asked_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers_run(monkeypatch, tmp_path, ANSWERS_UNTIL_IT_IS_ASKED_FOR_LIFE)
    worker = process()
    await worker.start()
    try:
        async with asyncio.timeout(5):
            assert not await worker.healthy()
    finally:
        await worker.stop()
    assert worker.pid is None


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ('say(complaint="The flow is wrong.")', "The flow is wrong."),
        ('say(loaded=True); appointed(); say(complaint="A port is in use.")', "A port is in use."),
        ("sys.exit(7)", "exit status 7"),
        ("say(loaded=True); appointed(); sys.exit(7)", "exit status 7"),
        ('link.sendall(b"no JSON\\n"); sys.exit(7)', "exit status 7"),
    ],
)
async def test_what_it_cannot_start_for_is_told(
    program: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers_run(monkeypatch, tmp_path, program)
    worker = process()
    async with asyncio.timeout(10):
        with pytest.raises(IvrError, match=said):
            await worker.start()
        await worker.stop()
    assert worker.pid is None
