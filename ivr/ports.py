"""TCP ports of this machine."""

from __future__ import annotations

import contextlib
import errno
import socket

from ivr.errors import IvrError


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Return `count` different TCP ports of `host` that nobody listens on just now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((host, 0))
        return [int(each.getsockname()[1]) for each in sockets]


def refuse_used_port(host: str, port: int, setting: str) -> None:
    """Raise IvrError when somebody listens on `port` already; `setting` chooses another."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            remedy = f"Stop what uses it, or set {setting} to another port."
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                remedy = "Set IVR_HOST to an address of this machine."
            raise IvrError(
                f"Port {port} on {host} cannot be opened: {error.strerror}.", remedy=remedy
            ) from None
