"""Becomes a server that dies with its parent: `launch.py PARENT UID:GID|- SEARCH COMMAND...`.

Run as a script, isolated and without site packages, in place of `preexec_fn`, which is unsafe
in a process with threads. PARENT is the pid that must still be our parent; `-` keeps the user;
SEARCH is 1 where the new user must be able to reach files below folders that are closed to it.

See prctl(2), capabilities(7).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_OVERRIDE = 1
_CAP_DAC_READ_SEARCH = 2
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, *values: int) -> None:
    padded = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    if _libc.prctl(ctypes.c_int(option), *padded) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")


def _keep_search() -> None:
    # A checkout below /root is closed to any other user. One capability on the child alone,
    # rather than opening the folders of the machine to everybody. Docker grants only the wider
    # of the two by default.
    for capability in (_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE):
        bit = 1 << capability
        header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
        data = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
        if _libc.capset(header, data) == 0:
            _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability)
            return


def _become(uid: int, gid: int, *, search: bool) -> None:
    if search:
        _prctl(_PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if search:
        _keep_search()


def main(arguments: list[str]) -> None:
    """Drop to the user, bind our life to the parent's, become the server."""
    parent, user, search, *command = arguments
    if user != "-":
        uid, gid = user.split(":")
        _become(int(uid), int(gid), search=search == "1")
    # After the change of user, which clears it. SIGKILL, since nothing less ends a frozen server.
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):
        sys.exit("the parent has gone")
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
