"""A small bank behind real HTTP, for the demo, for development and for tests.

    GET  /accounts/{number}   200 {"number", "holder", "balance", "currency", "type"} | 404
    POST /transfers           {"from", "to", "amount"} with Idempotency-Key
                              201 {"id", "status"} | 404 | 422 {"error"}
    GET  /transfers/{key}     200 what the POST answered | 404
    POST /cards/block         {"type", "last4"} with Idempotency-Key: 201 | 422
    GET  /cards/block/{key}   200 what the POST answered | 404
    POST /callbacks           {"number", "language", "about"} with Idempotency-Key: 201 | 422
    GET  /callbacks/{key}     200 what the POST answered | 404
    GET  /stats               200 {"transfers", "cards_blocked", "requests"}

A POST that comes again with its key does nothing and answers 200 and the same as before; with
its key and another body it is refused with 409.

    python -m ivr.integrations.bank_api --port 0 --print-port
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar, Literal, Self

from ivr.errors import IvrError
from ivr.processes import die_with, leave_ctrl_c_to_the_parent

_MAX_BODY = 1 << 16
_IDLE_S = 10.0
_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,2})?")

Answer = tuple[HTTPStatus, Any]


@dataclass(slots=True)
class Account:
    """An account and its money."""

    number: str
    holder: str
    balance: Decimal
    type: str = "savings"

    def as_json(self) -> dict[str, str]:
        """As `GET /accounts/{number}` shows it."""
        return {
            "number": self.number,
            "holder": self.holder,
            "balance": f"{self.balance:.2f}",
            "currency": "INR",
            "type": self.type,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with one request: the first that matches uses it up.

    `cut` closes the connection without an answer, "before" the work or "after" it; `answer`
    replaces the answer's status, content type and bytes.
    """

    method: str = "GET"
    path: str = "/"
    """The path begins with this."""
    delay_before_s: float = 0.0
    delay_after_s: float = 0.0
    cut: Literal["", "before", "after"] = ""
    answer: tuple[int, str, bytes] | None = None


@dataclass(slots=True)
class _Books:
    """The bank itself; used under its lock."""

    accounts: dict[str, Account]
    done: dict[tuple[str, str], tuple[Any, Answer]] = field(default_factory=dict)
    transfers: int = 0
    blocked: int = 0
    callbacks: int = 0
    requests: int = 0

    def get(self, path: str) -> Answer:
        if path == "/stats":
            return HTTPStatus.OK, {
                "transfers": self.transfers,
                "cards_blocked": self.blocked,
                "requests": self.requests,
            }
        room, _, name = path.rpartition("/")
        if room == "/accounts" and name in self.accounts:
            return HTTPStatus.OK, self.accounts[name].as_json()
        if (room, name) in self.done:
            return HTTPStatus.OK, self.done[room, name][1][1]
        return HTTPStatus.NOT_FOUND, {"error": "not_found"}

    def post(self, path: str, key: str, body: Any) -> Answer:
        work = {
            "/transfers": self._transfer,
            "/cards/block": self._block,
            "/callbacks": self._call_back,
        }.get(path)
        if work is None:
            return HTTPStatus.NOT_FOUND, {"error": "not_found"}
        if not re.fullmatch(r"[A-Za-z0-9._~-]{1,200}", key):
            return HTTPStatus.BAD_REQUEST, {"error": "idempotency_key_required"}
        if (path, key) in self.done:
            asked, (_, data) = self.done[path, key]
            if asked != body:
                return HTTPStatus.CONFLICT, {"error": "key_used_for_something_else"}
            return HTTPStatus.OK, data
        if not isinstance(body, dict):
            return HTTPStatus.BAD_REQUEST, {"error": "not_json"}
        answer = work(key, body)
        if answer[0] == HTTPStatus.CREATED:
            self.done[path, key] = body, answer
        return answer

    def _transfer(self, key: str, body: dict[str, Any]) -> Answer:
        source = self.accounts.get(str(body.get("from")))
        target = self.accounts.get(str(body.get("to")))
        if source is None or target is None:
            return HTTPStatus.NOT_FOUND, {"error": "no_such_account"}
        said = str(body.get("amount"))
        amount = Decimal(said) if _AMOUNT.fullmatch(said) else Decimal(0)
        if not amount:
            return HTTPStatus.UNPROCESSABLE_ENTITY, {"error": "bad_amount"}
        if amount > source.balance:
            return HTTPStatus.UNPROCESSABLE_ENTITY, {"error": "insufficient_funds"}
        source.balance -= amount
        target.balance += amount
        self.transfers += 1
        return HTTPStatus.CREATED, {"id": f"T{self.transfers:06d}", "status": "done"}

    def _call_back(self, key: str, body: dict[str, Any]) -> Answer:
        if not re.fullmatch(r"\+?[0-9]{6,15}", str(body.get("number", ""))):
            return HTTPStatus.UNPROCESSABLE_ENTITY, {"error": "bad_number"}
        self.callbacks += 1
        return HTTPStatus.CREATED, {"id": f"C{self.callbacks:06d}", "status": "noted"}

    def _block(self, key: str, body: dict[str, Any]) -> Answer:
        last4 = str(body.get("last4", ""))
        if body.get("type") not in ("credit", "debit") or not re.fullmatch(r"[0-9]{4}", last4):
            return HTTPStatus.UNPROCESSABLE_ENTITY, {"error": "no_such_card"}
        self.blocked += 1
        return HTTPStatus.CREATED, {"id": f"B{self.blocked:06d}", "status": "blocked"}


class BankApi:
    """The bank on a port of its own: `with BankApi() as bank: ... bank.url`.

    `latency_s` is added to every answer, `faults` happen once each, in order of arrival.
    `start` raises IvrError where the port is taken.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        latency_s: float = 0.0,
        faults: Iterable[Fault] = (),
    ) -> None:
        self._address = (host, port)
        self._latency_s = latency_s
        self._faults = list(faults)
        self._lock = threading.Lock()
        self._books = _Books(
            {
                account.number: account
                for account in (
                    Account("447123", "anna", Decimal("1250.00")),
                    Account("556677", "raj", Decimal("80.50")),
                    Account("123456", "priya", Decimal("99999.99")),
                )
            }
        )
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """Where it listens, once started."""
        if self._server is None:
            raise IvrError("The bank was not started.", remedy="Call start first.")
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Its base URL, once started."""
        return f"http://{self._address[0]}:{self.port}"

    @property
    def transfers(self) -> int:
        """How many transfers have been made."""
        with self._lock:
            return self._books.transfers

    @property
    def requests(self) -> int:
        """How many requests have come, of any kind."""
        with self._lock:
            return self._books.requests

    def balance(self, number: str) -> Decimal:
        """What is on an account. Raises KeyError where there is none."""
        with self._lock:
            return self._books.accounts[number].balance

    def start(self) -> None:
        """Listen, in threads of its own."""
        try:
            self._server = _Server(self._address, self)
        except OSError as error:
            raise IvrError(
                f"The bank cannot listen on port {self._address[1]}: {error.strerror}.",
                remedy="Choose another port.",
            ) from None
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="bank", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, and end requests that are under way."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._server = self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def answer(self, method: str, path: str, key: str, body: Any) -> tuple[Answer | None, Fault]:
        """Do what a request asks; None where its connection is to be cut instead."""
        fault = self._fault(method, path)
        time.sleep(self._latency_s + fault.delay_before_s)
        if fault.cut == "before":
            return None, fault
        with self._lock:
            if method == "POST":
                answer = self._books.post(path, key, body)
            elif method == "GET":
                answer = self._books.get(path)
            else:
                answer = HTTPStatus.METHOD_NOT_ALLOWED, {"error": "method_not_allowed"}
        time.sleep(fault.delay_after_s)
        return (None if fault.cut else answer), fault

    def _fault(self, method: str, path: str) -> Fault:
        with self._lock:
            self._books.requests += path != "/stats"
            for fault in self._faults:
                if fault.method == method and path.startswith(fault.path):
                    self._faults.remove(fault)
                    return fault
        return Fault()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # The threads of requests that are kept waiting on purpose are not waited for.
    block_on_close = False

    def __init__(self, address: tuple[str, int], bank: BankApi) -> None:
        self.bank = bank
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in mid-request is no news; anything else is."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_S
    server: _Server
    _methods: ClassVar[frozenset[str]] = frozenset({"POST", "PUT", "PATCH"})

    def do_GET(self) -> None:
        self._handle()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

    def _handle(self) -> None:
        body = self._body() if self.command in self._methods else None
        path = self.path.partition("?")[0]
        key = self.headers.get("Idempotency-Key", "")
        answer, fault = self.server.bank.answer(self.command, path, key, body)
        if answer is None:
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        status, kind, content = fault.answer or (
            int(answer[0]),
            "application/json",
            json.dumps(answer[1]).encode(),
        )
        try:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except OSError:
            # Whoever asked has gone.
            self.close_connection = True

    def _body(self) -> Any:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > _MAX_BODY:
            self.close_connection = True
            return None
        try:
            return json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            return None

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the worker logs what it asks."""


def main(arguments: list[str] | None = None) -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m ivr.integrations.bank_api")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9070, help="0: any free one")
    parser.add_argument("--print-port", action="store_true", help="say it, once listening")
    parser.add_argument("--parent", type=int, help="process id to end with")
    options = parser.parse_args(arguments)
    if options.parent is not None:
        die_with(options.parent, signal.SIGKILL)
        # While the workers drain, callers still ask it.
        leave_ctrl_c_to_the_parent()
    bank = BankApi(host=options.host, port=options.port)
    try:
        bank.start()
    except IvrError as error:
        parser.exit(2, f"{error}\n")
    if options.print_port:
        print(bank.port, flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        bank.stop()


if __name__ == "__main__":
    main()
