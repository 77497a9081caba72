"""What the supervisor sees of a worker that freezes."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from ivr.ports import free_ports
from ivr.supervision.worker_process import WorkerProcess

ANSWERS_UNTIL_IT_IS_ASKED_FOR_LIFE = """
import os, signal, socket, sys
listening = socket.create_server(("127.0.0.1", int(os.environ["IVR_HTTP_PORT"])))
while True:
    asking = listening.accept()[0]
    if b"/live" in asking.recv(4096):
        os.kill(os.getpid(), signal.SIGSTOP)
    asking.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\n")
    asking.close()
"""


async def test_one_that_freezes_while_it_is_asked_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "python"
    program.write_text(f"#!{sys.executable}\n{ANSWERS_UNTIL_IT_IS_ASKED_FOR_LIFE}")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    port = free_ports(1)[0]
    environment = {"IVR_HTTP_PORT": str(port)}
    worker = WorkerProcess("worker-0", "127.0.0.1", port, environment, deadline_s=20)
    await worker.start()
    try:
        async with asyncio.timeout(5):
            assert not await worker.healthy()
    finally:
        await worker.stop()
    assert worker.pid is None
