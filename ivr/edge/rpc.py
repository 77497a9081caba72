"""Kamailio's JSON-RPC over a Unix datagram socket (module jsonrpcs, `dgram_socket`)."""

from __future__ import annotations

import json
import os
import socket
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

from ivr.errors import IvrError

_LONGEST = 1 << 20
_ids = count(1)


class EdgeUnreachable(IvrError):
    """Kamailio does not answer."""


class EdgeRefused(IvrError):
    """Kamailio does not do what it was asked; `code` is the error's."""

    def __init__(self, what: str, *, code: int = 0) -> None:
        super().__init__(what)
        self.code = code


class EdgeRpc:
    """One question, one answer. Blocks: `timeout_s` at most."""

    def __init__(self, path: Path, *, timeout_s: float = 2.0) -> None:
        self._path = path
        self._timeout_s = timeout_s

    def call(self, method: str, *parameters: str | int) -> Any:
        """Return the result of an RPC command. Raises EdgeUnreachable, EdgeRefused."""
        number = next(_ids)
        request = {"jsonrpc": "2.0", "method": method, "params": parameters, "id": number}
        with (
            tempfile.TemporaryDirectory(prefix="ivr-rpc-") as folder,
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line,
        ):
            own = os.path.join(folder, "s")
            line.settimeout(self._timeout_s)
            try:
                line.bind(own)
                # Kamailio may run as another user, who has to reach us to answer.
                os.chmod(folder, 0o711)  # noqa: S103
                os.chmod(own, 0o666)  # noqa: S103
                line.connect(str(self._path))
                line.send(json.dumps(request).encode())
                answer = self._answer(line.recv(_LONGEST))
            except OSError as error:
                raise EdgeUnreachable(
                    f"Kamailio does not answer at {self._path}:"
                    f" {error.strerror or type(error).__name__}.",
                    remedy="See that it runs, and that IVR_EDGE_SOCKET names its socket.",
                ) from None
        fault = answer.get("error")
        if fault:
            raise EdgeRefused(
                f"Kamailio refuses {method}: {fault.get('message', fault)}.",
                code=int(fault.get("code", 0)),
            )
        return answer.get("result")

    @staticmethod
    def _answer(datagram: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(datagram)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise EdgeUnreachable("What Kamailio answers is no JSON-RPC.")
        return answer
