"""A server that answers as Rasa 3.6.21 did: `rasa_replies.json` was recorded from one."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

REPLIES: dict[str, Any] = json.loads(
    (Path(__file__).parent / "rasa_replies.json").read_text(encoding="utf-8")
)


def _recorded(text: str) -> Any:
    # our client cuts long texts
    found = [reply for said, reply in REPLIES["parse"].items() if said[:1000] == text]
    return found[0] if found else {"text": text, "intent_ranking": [], "entities": []}


class RasaPeer:
    """On a port of its own until `close`. `spoil` turns what it would answer into what it does
    (status, body); `freeze` lets it accept and never answer, `thaw` ends that.
    """

    def __init__(self, port: int = 0) -> None:
        self.spoil: Callable[[int, bytes], tuple[int, bytes]] = lambda status, body: (status, body)
        self.asked: list[str] = []
        self._lines: list[socket.socket] = []
        self._running = threading.Event()
        self._running.set()
        peer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                peer._lines.append(self.connection)

            def do_GET(self) -> None:
                self._answer(200, REPLIES["status"])

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                peer.asked.append(asked["text"])
                self._answer(200, _recorded(asked["text"]))

            def _answer(self, status: int, content: Any) -> None:
                peer._running.wait()
                status, body = peer.spoil(status, json.dumps(content).encode())
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    self.close_connection = True  # the client had no patience

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def freeze(self) -> None:
        self._running.clear()

    def thaw(self) -> None:
        self._running.set()

    def close(self) -> None:
        self.thaw()
        self._server.shutdown()
        self._thread.join()
        for line in self._lines:  # a killed process takes its connections with it
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        self._server.server_close()
