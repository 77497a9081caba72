"""Programs that stand for `ivrctl worker` where it is the supervisor that is tested."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

_LINK = """
import json, os, signal, socket, sys
link = socket.socket(fileno=int(sys.argv[sys.argv.index("--supervisor") + 1]))

def say(**message):
    link.sendall(json.dumps(message).encode() + b"\\n")

def appointed():
    said = link.makefile().readline()
    if not said:
        sys.exit(0)
    os.environ.update(json.loads(said))

"""

SERVES = """
say(loaded=True)
appointed()
listening = socket.create_server(("127.0.0.1", int(os.environ["IVR_HTTP_PORT"])))
while True:
    asking = listening.accept()[0]
    asking.recv(4096)
    asking.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\n")
    asking.close()
"""

_PYTHON = sys.executable


def workers_run(monkeypatch: pytest.MonkeyPatch, folder: Path, program: str) -> None:
    """Have workers be `program`, which may `say` something and be `appointed`."""
    file = folder / "python"
    file.write_text(f"#!{_PYTHON}\n{_LINK}{program}")
    file.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(file))
