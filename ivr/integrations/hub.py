"""The REST integrations that flows name.

Rules:
- Nothing is asked but what lies under the integration's base URL; no redirect is followed.
- A call never raises and never outlives its `timeout_ms`.
- What only reads is tried again, a little later each time, after a broken connection or an answer
  that says "not now". What changes the world is sent once; where its fate is in doubt, the
  integration is asked for it by the idempotency key.
- An integration that fails again and again is let rest, and is asked no more than it may be.
- An answer is JSON of 1 MiB at most. Nothing secret is in what is told of a failure.

The header is that of draft-ietf-httpapi-idempotency-key-header; Retry-After is RFC 9110's, in
seconds.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote_to_bytes

import httpx
import structlog

from ivr.dialogue.actions import CallApi
from ivr.dialogue.inputs import ApiReplied
from ivr.errors import IvrError
from ivr.integrations.authentication import TokenRefused, credentials_of
from ivr.integrations.breaker import Breaker
from ivr.integrations.integration import Integration, integration_of
from ivr.integrations.limits import Limits
from ivr.integrations.redaction import redacted, values_of

MAX_BYTES = 1 << 20
"""Largest answer, in bytes."""

UNREACHABLE = "unreachable"
"""Nothing was sent: there was no connection."""
NOT_DONE = "not_done"
"""The change was sent, no answer came, and the integration, asked, does not know of it. It may
still be under way."""
UNKNOWN = "unknown"
"""The change was sent, and nobody could say what became of it."""

RESTING = "resting"
"""Nothing was sent: it has failed so often of late that it is not asked for a while."""
NO_TOKEN = "no_token"  # noqa: S105 - the word for having none
"""Nothing was sent: the authorisation server let us have no token."""

_NOT_SENT = frozenset({UNREACHABLE, RESTING, NO_TOKEN})
_NOT_NOW = frozenset({429, 502, 503, 504})
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_PCHAR = r"A-Za-z0-9._~!$&'()*+,;=:@%-"
_PATH = re.compile(rf"(?:/[{_PCHAR}]*)+(?:\?[{_PCHAR}/?]*)?")
"""RFC 3986 section 3.3 and 3.4, in ASCII, without a fragment."""
_MAX_PATH = 2000
_KEY = re.compile(r"[A-Za-z0-9._~-]{1,200}")
_ASK_SHARE, _ASK_MOST_S = 0.3, 1.0
"""How much of the time is put by for asking what became of a change."""

_TOO_SHORT_S = 0.05
"""Given up before this, nothing is known of the integration."""

_log = structlog.get_logger(__name__)


class IntegrationHub:
    """Asks integrations; `settings` says where each is: its base URL, as in
    {"bank": "http://10.0.0.5:9070"}, "file:" and the path of a JSON file with more, or an
    `Integration`.

    Belongs to one event loop. Raises IvrError where one cannot be used. `transport`: instead of
    the network, for integrations in the same process.
    """

    def __init__(
        self,
        settings: Mapping[str, str | Integration],
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._doors = {
            name: _Door(name, integration_of(name, setting), transport)
            for name, setting in settings.items()
        }

    async def call(self, action: CallApi) -> ApiReplied:
        """Do what `action` asks, within its `timeout_ms`. Never raises.

        `error` is "" where `ok`, else what the integration says in its JSON "error", one of the
        words above, or a sentence for the log. `status` 0 says that no answer came, or none
        that can be understood.
        """
        door = self._doors.get(action.name)
        if door is None:
            return _failed(action, f"there is no integration {action.name!r} in the settings")
        try:
            reply = await door.call(action)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller is on the line
            # Without its words: they may hold what was sent.
            _log.error("integration_failed", name=action.name, kind=type(error).__name__)
            return _failed(action, type(error).__name__)
        return door.told(action, reply)

    async def close(self) -> None:
        """Let go of connections."""
        for door in self._doors.values():
            await door.close()


class _Door:
    """The way to one integration."""

    def __init__(
        self, name: str, integration: Integration, transport: httpx.AsyncBaseTransport | None
    ) -> None:
        self._name = name
        self._base = integration.url
        self._integration = integration
        self._credentials = credentials_of(integration)
        self._breaker = Breaker(integration.rests_after, integration.rests_s)
        self._limits = Limits(integration.rate_per_s, integration.concurrent)
        self._client = httpx.AsyncClient(
            transport=transport,
            timeout=None,  # noqa: S113 - each call has a deadline of its own over everything
            follow_redirects=False,
            trust_env=False,
            verify=_trusted(name, integration),
            # A connection kept open may be closed by the other side just when a change is sent,
            # and then nobody knows whether it was done.
            limits=httpx.Limits(max_keepalive_connections=0),
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        await self._client.aclose()

    def told(self, action: CallApi, reply: ApiReplied) -> ApiReplied:
        """`reply` without anything secret in its error."""
        if not reply.error:
            return reply
        hidden = (*self._credentials.secrets, *values_of(dict(action.body or {})))
        error = redacted(reply.error, hidden)
        return ApiReplied(
            request_id=reply.request_id,
            ok=reply.ok,
            status=reply.status,
            data=reply.data,
            error=error,
        )

    async def call(self, action: CallApi) -> ApiReplied:
        wrong = _refusal(action)
        if wrong:
            return _failed(action, wrong)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + action.timeout_ms / 1000
        url = self._base + action.path
        key = action.idempotency_key
        if key is None:
            tries = 1 + self._integration.retries if action.method == "GET" else 1
            return await self._ask(action, url, deadline, tries=tries)
        budget_s = action.timeout_ms / 1000
        reply = await self._ask(action, url, deadline - min(_ASK_SHARE * budget_s, _ASK_MOST_S))
        if _settled(reply) or reply.error in _NOT_SENT:
            return reply
        return await self._fate(
            action, f"{self._base}{action.path.partition('?')[0]}/{key}", deadline
        )

    async def _fate(self, action: CallApi, url: str, deadline: float) -> ApiReplied:
        question = CallApi(
            request_id=action.request_id, name=action.name, method="GET", path=action.path
        )
        reply = await self._ask(question, url, deadline)
        _log.info("integration_asked_again", name=action.name, status=reply.status)
        if reply.ok:
            return reply
        return _failed(action, NOT_DONE if reply.status == 404 else UNKNOWN)

    async def _ask(
        self, action: CallApi, url: str, deadline: float, *, tries: int = 1
    ) -> ApiReplied:
        """Ask, `tries` times at most. Whatever comes, the breaker is told once for each time."""
        loop = asyncio.get_running_loop()
        reply = _failed(action, "no answer in time")
        pause_s = self._integration.backoff_ms / 1000
        with suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                for left in range(tries - 1, -1, -1):
                    if not self._breaker.may_ask(loop.time()):
                        return _failed(action, RESTING)
                    reply, wait_s = await self._try(action, url)
                    if wait_s is None or not left:
                        return reply
                    pause = max(pause_s, wait_s)
                    if loop.time() + pause >= deadline:
                        return reply
                    await asyncio.sleep(pause)
                    pause_s *= 2
                return reply
        if reply.status:
            return reply
        return _failed(action, "no answer in time")

    async def _try(self, action: CallApi, url: str) -> tuple[ApiReplied, float | None]:
        """Ask once. Returns the answer, and after how many seconds it may be tried again: None
        where that would change nothing.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        known = False
        try:
            async with self._limits.turn():
                began = loop.time()
                reply, retry_after = await self._once(action, url)
            known = True
        except httpx.ConnectError:
            reply, retry_after = _failed(action, UNREACHABLE), 0.0
        except httpx.TransportError as error:
            why = f"the connection broke: {type(error).__name__}"
            reply, retry_after = _failed(action, why), 0.0
        except TokenRefused:
            reply, retry_after = _failed(action, NO_TOKEN), None
        except asyncio.CancelledError:
            # Out of time, or given up. What never had its turn says nothing of the integration.
            if loop.time() - began > _TOO_SHORT_S:
                self._breaker.failed(loop.time())
            else:
                self._breaker.let_go()
            raise
        if known and reply.status < 500:
            self._breaker.answered()
        else:
            self._breaker.failed(loop.time())
        return reply, retry_after

    async def _once(self, action: CallApi, url: str) -> tuple[ApiReplied, float | None]:
        reply, retry_after = await self._send(action, url)
        if reply.status == 401 and self._credentials.forget():
            # It was refused before anything was done, so it may be sent again.
            return await self._send(action, url)
        return reply, retry_after

    async def _send(self, action: CallApi, url: str) -> tuple[ApiReplied, float | None]:
        headers = dict(await self._credentials.headers(self._client))
        if action.idempotency_key is not None:
            headers["Idempotency-Key"] = action.idempotency_key
        body = None if action.body is None else dict(action.body)
        async with self._client.stream(action.method, url, json=body, headers=headers) as response:
            status = response.status_code
            retry_after = _retry_after(response) if status in _NOT_NOW else None
            if response.headers.get("content-encoding", "identity") != "identity":
                return _failed(action, "the answer is compressed", status), retry_after
            content = b""
            async for chunk in response.aiter_raw():
                content += chunk
                if len(content) > MAX_BYTES:
                    why = f"the answer is longer than {MAX_BYTES} bytes"
                    return _failed(action, why, status), retry_after
        kind = response.headers.get("content-type", "")
        return _reply(action, status, kind, content), retry_after


async def load_client(url: str) -> None:
    """Have httpx load what it loads with its first request, here one to `url` on this machine:
    some 20 ms in which no call would get its sound."""
    # No certificate is read for it, and what comes back does not matter.
    trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with suppress(httpx.HTTPError, httpx.InvalidURL):
        async with httpx.AsyncClient(verify=trusted, trust_env=False) as client:
            await client.get(url)


def _trusted(name: str, integration: Integration) -> ssl.SSLContext | bool:
    if integration.ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(integration.ca_file))
    except (OSError, ssl.SSLError):
        raise IvrError(
            f"The certificates of integration {name!r} cannot be read from {integration.ca_file}.",
            remedy="Name a file with PEM certificates.",
        ) from None


def _retry_after(response: httpx.Response) -> float:
    told = response.headers.get("retry-after", "")
    return float(told) if told.isascii() and told.isdigit() and len(told) < 6 else 0.0


def _refusal(action: CallApi) -> str:
    """Why the request is not made; "" where nothing is against it."""
    if action.method not in _METHODS:
        return f"method {action.method!r} is not allowed"
    if action.idempotency_key is not None and not _KEY.fullmatch(action.idempotency_key):
        return "the idempotency key is not a plain word"
    path, _, query = action.path.partition("?")
    plain = len(action.path) <= _MAX_PATH and _PATH.fullmatch(action.path) and "//" not in path
    if not plain or not all(_harmless(part) for part in path.split("/")):
        return "the path leaves the integration"
    if any(code < 0x20 or code == 0x7F for code in unquote_to_bytes(query)):
        return "the query holds control characters"
    return ""


def _harmless(segment: str) -> bool:
    """Whether a segment stays one segment however often a server decodes it."""
    for _ in range(3):
        decoded = unquote_to_bytes(segment)
        if decoded in (b".", b"..") or any(
            byte in b"/\\" or byte < 0x20 or byte == 0x7F for byte in decoded
        ):
            return False
        segment = decoded.decode("latin-1")
    return True


def _reply(action: CallApi, status: int, kind: str, content: bytes) -> ApiReplied:
    ok = 200 <= status < 300
    data: Any = None
    if content:
        kind = kind.partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            return _failed(action, "the answer is not JSON", status)
        try:
            data = json.loads(content)
        except (ValueError, RecursionError):
            return _failed(action, "the answer is not the JSON it says it is", status)
    if ok:
        return ApiReplied(request_id=action.request_id, ok=True, status=status, data=data)
    said = data.get("error") if isinstance(data, dict) else None
    error = said if isinstance(said, str) and said else f"HTTP status {status}"
    return _failed(action, error[:200], status, data)


def _settled(reply: ApiReplied) -> bool:
    """Whether the answer says what became of a change."""
    refused = 400 <= reply.status < 500 and reply.status not in (408, 429)
    return reply.ok or refused


def _failed(action: CallApi, error: str, status: int = 0, data: Any = None) -> ApiReplied:
    return ApiReplied(request_id=action.request_id, ok=False, status=status, data=data, error=error)
