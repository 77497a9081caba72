"""One connection to the Asterisk Manager Interface, on panoramisk, with its faults kept out.

panoramisk 1.4 left alone reconnects by itself and then repeats what was asked before, waits for
ever for answers that do not come, is torn down by a callback that raises, loses characters that
are split between two reads, and cannot be closed while it waits. Hence: one `Manager` for one
connection, thrown away with it; a deadline round each action; no callback that can raise; one
byte one character on the wire.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import structlog
from panoramisk.ami_protocol import AMIProtocol
from panoramisk.manager import Manager

from ivr.errors import IvrError

log = structlog.get_logger(__name__)

EventHandler = Callable[[Mapping[str, object]], None]

_LONGEST_MESSAGE = 1 << 20
_BREAKS = re.compile(r"[\x00-\x1f\x7f]")


class AmiUnavailable(IvrError):
    """Asterisk does not answer, or not in time."""


class AmiLoginRefused(IvrError):
    """Asterisk does not know this user with this secret."""


class _Protocol(AMIProtocol):  # type: ignore[misc]  # panoramisk has no types
    def data_received(self, data: bytes) -> None:
        try:
            super().data_received(data)
        except Exception as error:  # noqa: BLE001  # whatever a reply does to the parser
            log.warning("ami_reply_unreadable", error=repr(error))
            self.transport.abort()
        if sum(map(len, self.queue)) > _LONGEST_MESSAGE:
            log.warning("ami_message_endless")
            self.transport.abort()


class _OnceManager(Manager):  # type: ignore[misc]  # panoramisk has no types
    """A Manager that neither reconnects nor pings by itself; `AmiConnection` judges the login."""

    def __init__(self, lost: asyncio.Event, **config: Any) -> None:
        super().__init__(**config)
        self._lost = lost

    def connection_lost(self, exc: object) -> None:
        del exc
        self._lost.set()

    def login(self, future: object) -> None:
        del future

    def ping(self) -> None:
        pass


class AmiConnection:
    """A logged-in connection, from `open` until it is lost or closed."""

    def __init__(self, manager: _OnceManager, lost: asyncio.Event) -> None:
        self._manager = manager
        self._lost = lost

    @classmethod
    async def open(
        cls,
        *,
        host: str,
        port: int,
        user: str,
        secret: str,
        on_user_event: EventHandler,
        within: float,
    ) -> AmiConnection:
        """Connect and log in within `within` seconds.

        `on_user_event` is called with each UserEvent. Raises AmiUnavailable, AmiLoginRefused.
        """
        loop = asyncio.get_running_loop()
        lost = asyncio.Event()
        manager = _OnceManager(
            lost,
            loop=loop,
            username=_one_line(user),
            secret=_one_line(secret),
            events="user",
            encoding="latin-1",
            log=_Quiet(),
        )
        manager.register_event("UserEvent", _harmless(on_user_event))
        connection = cls(manager, lost)
        try:
            async with asyncio.timeout(within):
                made = await loop.create_connection(_Protocol, host, port)
                manager.connection_made(_done(made))
                answer = await connection._before_loss(manager.authenticated_future)
        except (OSError, TimeoutError) as error:
            connection.close()
            raise AmiUnavailable(
                f"Asterisk's manager interface at {host}:{port} does not answer"
                f" ({type(error).__name__}).",
                remedy="Is Asterisk running, with manager.conf enabled?",
            ) from None
        except BaseException:
            connection.close()
            raise
        if not answer.success:
            connection.close()
            raise AmiLoginRefused(
                f"Asterisk at {host}:{port} refuses the manager user {user!r}.",
                remedy="Set IVR_AMI_USER and IVR_AMI_SECRET to what scripts/asterisk_secret.sh"
                " printed, and permit this machine's address.",
            )
        return connection

    @property
    def alive(self) -> bool:
        """Not lost or closed, as far as we know."""
        return not self._lost.is_set()

    async def wait_lost(self) -> None:
        """Returns when the connection is gone."""
        await self._lost.wait()

    async def act(self, action: str, *, within: float, **headers: str) -> Mapping[str, Any]:
        """Send an action and return its response; line breaks and other control characters are
        taken out of every value.

        Raises AmiUnavailable when no response comes within that many seconds. An action is sent
        once; whether a late one was carried out is then unknown.
        """
        if not self.alive:
            raise AmiUnavailable("The connection to Asterisk is lost.")
        message = {name: _one_line(value) for name, value in headers.items()}
        try:
            async with asyncio.timeout(within):
                answer: Mapping[str, Any] = await self._before_loss(
                    self._manager.send_action({"Action": action, **message}, as_list=False)
                )
        except TimeoutError:
            raise AmiUnavailable(f"Asterisk did not answer {action} in {within:g} s.") from None
        return answer

    async def ping(self, *, within: float) -> None:
        """Raises AmiUnavailable when Asterisk is gone or frozen."""
        await self.act("Ping", within=within)

    def close(self) -> None:
        """Let go; twice is harmless."""
        self._lost.set()
        self._manager.close()
        if self._manager.protocol is not None:
            with suppress(AttributeError):
                self._manager.protocol.transport.abort()

    async def _before_loss(self, answer: asyncio.Future[Any]) -> Any:
        lost = asyncio.ensure_future(self._lost.wait())
        try:
            await asyncio.wait((answer, lost), return_when=asyncio.FIRST_COMPLETED)
        finally:
            lost.cancel()
        if not answer.done():
            answer.cancel()
            raise AmiUnavailable("The connection to Asterisk was lost.")
        return answer.result()


class _Quiet:
    """panoramisk's own log: what matters is said here, once."""

    def _nothing(self, *args: object, **kwargs: object) -> None: ...

    debug = info = warning = error = exception = _nothing


def _done(made: tuple[Any, Any]) -> asyncio.Future[Any]:
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    future.set_result(made)
    return future


def _harmless(handler: EventHandler) -> Callable[[object, Mapping[str, object]], None]:
    def call(manager: object, event: Mapping[str, object]) -> None:
        del manager
        try:
            handler(event)
        except Exception:  # a raise here would end the connection
            log.exception("ami_event_handler_failed")

    return call


def _one_line(value: str) -> str:
    return _BREAKS.sub("", value)
