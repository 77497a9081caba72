"""Ports of this machine."""

from __future__ import annotations

import contextlib
import errno
import re
import socket
from dataclasses import dataclass

from ivr.errors import IvrError

LAST_PORT = 65535
_RANGE = re.compile(r"(\d{1,5})-(\d{1,5})")
_ADDRESS = re.compile(r"([^\s:/@\[\]]+):(\d{1,5})")


@dataclass(frozen=True, slots=True)
class PortRange:
    """Ports from `first` to `last`, both included; written "16000-16999"."""

    first: int
    last: int

    @classmethod
    def parse(cls, text: str) -> PortRange:
        """Read the written form. Raises ValueError."""
        found = _RANGE.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"{text!r} is no range of ports such as 16000-16999")
        first, last = int(found[1]), int(found[2])
        if not 0 < first <= last <= LAST_PORT:
            raise ValueError(f"{text!r} does not run upwards within 1-{LAST_PORT}")
        return cls(first, last)

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    def __len__(self) -> int:
        return self.last - self.first + 1

    def as_range(self) -> range:
        """The ports themselves."""
        return range(self.first, self.last + 1)

    def share(self, number: int, of: int) -> PortRange:
        """The part of sharer `number` (from 0) of `of`: parts are all but equal and never meet.

        Raises ValueError when there are fewer ports than sharers.
        """
        if len(self) < of:
            raise ValueError(f"{self} has no port for each of {of}")
        edges = [self.first + len(self) * edge // of for edge in (number, number + 1)]
        return PortRange(edges[0], edges[1] - 1)


@dataclass(frozen=True, slots=True)
class Address:
    """A TCP port of a host; written "10.0.0.5:8021"."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read the written form. Raises ValueError."""
        found = _ADDRESS.fullmatch(text.strip())
        if found is None or not 0 < int(found[2]) <= LAST_PORT:
            raise ValueError(f"{text!r} is no address such as 127.0.0.1:8021")
        return cls(found[1], int(found[2]))

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Return `count` different TCP ports of `host` that nobody listens on just now.

    Raises IvrError for a host that is none of this machine's.
    """
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            try:
                each.bind((host, 0))
            except OSError as error:
                raise IvrError(
                    f"No port on {host} can be opened: {error.strerror}.",
                    remedy="Set IVR_HOST to an address of this machine.",
                ) from None
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
