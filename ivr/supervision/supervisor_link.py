"""A worker's line to the supervisor that started it: JSON, an object a line, over a socket.

worker      {"loaded": true}            its engines are; it waits to be told which worker it is
            {"complaint": "..."}        what it cannot start for, as a sentence
supervisor  {"IVR_WORKER_NAME": ...}    the settings that make it one of the workers
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from contextlib import suppress


class SupervisorLink:
    """The worker's end, by the file descriptor that it inherited."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)

    def appointed(self) -> Mapping[str, str]:
        """Say that the engines are loaded, and wait for the settings of this worker, as variables
        of the environment. Exits where the supervisor needs it no more."""
        said = b""
        with suppress(OSError):
            self._say({"loaded": True})
            with self._socket.makefile("rb") as lines:
                said = lines.readline()
        if not said:
            raise SystemExit(0)
        return {str(name): str(value) for name, value in json.loads(said).items()}

    def complain(self, sentence: str) -> bool:
        """Say what it cannot start for; whether there was somebody to hear it."""
        try:
            self._say({"complaint": sentence})
        except OSError:
            return False
        return True

    def _say(self, message: Mapping[str, object]) -> None:
        self._socket.sendall(json.dumps(message).encode() + b"\n")
