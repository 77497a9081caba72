"""Two ways a conversation over the Event Socket goes wrong: ours and theirs.

ProtocolError
├── LocalProtocolError     we misuse the protocol: a mistake in this program
└── RemoteProtocolError    what arrived is not the protocol: this one connection is over
"""

from __future__ import annotations


class ProtocolError(Exception):
    """The connection cannot go on."""


class LocalProtocolError(ProtocolError):
    """We were about to send what the protocol, or its state, does not allow."""


class RemoteProtocolError(ProtocolError):
    """The peer sent what is not the protocol, too much of it, or broke off in the middle."""
