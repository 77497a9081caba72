"""greenswitch as a client of FreeSWITCH's Event Socket, in a process of its own (it is gevent).

    python -m tests.freeswitch.greenswitch_client PORT PASSWORD

Prints each event as a line of JSON; each line that it reads is an API command, whose answer it
prints as {"answer": ...}.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from gevent.fileobject import FileObject
from greenswitch import InboundESL

EVENTS = "CHANNEL_ANSWER DTMF CHANNEL_HANGUP_COMPLETE"


def main(port: int, password: str) -> None:
    """Connect, and serve until the end of the input."""

    def show(event: Any) -> None:
        print(json.dumps(event.headers), flush=True)

    switch = InboundESL("127.0.0.1", port, password)
    switch.connect()
    switch.register_handle("*", show)
    switch.send(f"event plain {EVENTS}")
    print(json.dumps({"answer": "connected"}), flush=True)
    for line in FileObject(sys.stdin, "r"):
        answer = switch.send(f"api {line.strip()}")
        print(json.dumps({"answer": answer.data.strip()}), flush=True)
    switch.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
