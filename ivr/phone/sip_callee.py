"""A telephone on SIP that is rung: it waits on a port of its own, answers or declines, speaks
G.711 over RTP and presses keys. The other half of `sip.SipPhone`, for the agents of our tests."""

from __future__ import annotations

import asyncio
import secrets

from ivr.audio.format import Audio
from ivr.audio.g711 import A_LAW, MU_LAW, Law
from ivr.errors import IvrError
from ivr.phone.handset import Handset
from ivr.phone.sdp import MalformedSdp, MediaDescription, parse_sdp
from ivr.phone.sip_dialog import Changed, HungUp, Left, State, TimedOut
from ivr.phone.sip_incoming import Cancelled, Connected, Event, IncomingDialog, Rung
from ivr.phone.sip_media import SipMedia

LEAVE_S = 2.0
"""How long we wait for the far side to agree that the call is over."""


class SipCallee(asyncio.DatagramProtocol):
    """Takes one call; make another for another call. `open`, then give `address` to a switch.

    `codecs` are what it speaks, best first. Sound goes through `handset`.
    """

    def __init__(
        self,
        *,
        local_host: str = "127.0.0.1",
        codecs: tuple[Law, ...] = (MU_LAW, A_LAW),
        handset: Handset | None = None,
    ) -> None:
        self._local_host = local_host
        self._codecs = codecs
        self.handset = handset or Handset()
        self.media = SipMedia(self.handset)
        self.ended = asyncio.Event()
        """Set when the call is over, whoever ended it."""
        self.end_reason = ""
        """Why the call is over, for people."""
        self.caller = ""
        """Who rings: their From value."""
        self._rung = asyncio.Event()
        self._connected = asyncio.Event()
        self._gone = asyncio.Event()
        self._offer = b""
        self._port = 0
        self._media_port = 0
        self._far_end: tuple[str, int] | None = None
        self._dialog: IncomingDialog | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def address(self) -> str:
        """Where it is rung: host:port."""
        return f"{self._local_host}:{self._port}"

    @property
    def is_rung(self) -> bool:
        """Whether somebody has rung."""
        return self._rung.is_set()

    async def open(self) -> None:
        """Begin to wait for a call."""
        loop = asyncio.get_running_loop()
        self._media_port = await self.media.open(self._local_host)
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(self._local_host, 0)
        )
        self._port = self._transport.get_extra_info("sockname")[1]
        self._dialog = IncomingDialog(contact=self.address, new_id=lambda: secrets.token_hex(8))

    async def rings(self, within: float = 10.0) -> None:
        """Wait until somebody rings. Raises TimeoutError."""
        async with asyncio.timeout(within):
            await self._rung.wait()

    async def answer(self) -> None:
        """Pick up; returns when the far side knows. Raises IvrError when it has gone."""
        assert self._dialog is not None
        try:
            remote = parse_sdp(self._offer)
        except MalformedSdp as error:
            raise IvrError(f"The call came without sound: {error}.") from None
        codecs = tuple(codec for codec in remote.codecs if codec in self._codecs)
        description = MediaDescription(
            host=self._local_host, port=self._media_port, codecs=codecs or self._codecs
        )
        self._dialog.answer(description.encode(), asyncio.get_running_loop().time())
        self._flush()
        over = asyncio.ensure_future(self.ended.wait())
        known = asyncio.ensure_future(self._connected.wait())
        try:
            await asyncio.wait((over, known), return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
            known.cancel()
        if self.ended.is_set():
            raise IvrError(f"The call has gone: {self.end_reason}.")
        self.media.begin(remote)

    def decline(self, status: int = 486, reason: str = "Busy Here") -> None:
        """Do not pick up."""
        assert self._dialog is not None
        self._dialog.refuse(status, reason, asyncio.get_running_loop().time())
        self._flush()

    async def speak(self, audio: Audio) -> None:
        """Say something into the phone, to its end."""
        self.handset.speak(audio)
        await self.handset.spoken()

    async def press(self, keys: str) -> None:
        """Press keys one after the other; returns when the last has left."""
        for key in keys:
            await self.media.press(key)

    async def hang_up(self) -> None:
        """Put the receiver down, rung or not, and let go of both ports; twice is harmless."""
        dialog = self._dialog
        if dialog is None or dialog.state is State.IDLE:
            self._over("never rung")
        elif not self.ended.is_set():
            dialog.leave(asyncio.get_running_loop().time())
            self._flush()
            try:
                async with asyncio.timeout(LEAVE_S):
                    await self.ended.wait()
            except TimeoutError:
                self._over("we hung up, and heard nothing")
        if self._timer is not None:
            self._timer.cancel()
        self.media.close()
        await self.media.closed()
        if self._transport is not None:
            self._transport.close()
            await self._gone.wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.DatagramProtocol."""
        self._gone.set()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """See asyncio.DatagramProtocol."""
        if self._dialog is None:
            return
        self._far_end = self._far_end or addr
        if addr == self._far_end:
            events = self._dialog.receive(data, asyncio.get_running_loop().time())
            self._handle(events)
            self._flush()

    def error_received(self, exc: Exception) -> None:
        """See asyncio.DatagramProtocol: an ICMP error; the timers see to it."""

    def _flush(self) -> None:
        dialog, transport = self._dialog, self._transport
        if dialog is None or transport is None or transport.is_closing():
            return
        for datagram in dialog.datagrams():
            transport.sendto(datagram, self._far_end)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = dialog.next_timer()
        if due is not None:
            self._timer = asyncio.get_running_loop().call_at(due, self._tick)

    def _tick(self) -> None:
        if self._dialog is not None:
            self._handle(self._dialog.tick(asyncio.get_running_loop().time()))
            self._flush()

    def _handle(self, events: list[Event]) -> None:
        assert self._dialog is not None
        for event in events:
            match event:
                case Rung(caller, sdp):
                    self.caller, self._offer = caller, sdp
                    self._dialog.ring()
                    self._rung.set()
                case Connected():
                    self._connected.set()
                case Changed(sdp):
                    self._move(sdp)
                case Cancelled():
                    self._over("they gave up")
                case HungUp(reason):
                    self._over(f"they hung up {reason}".strip())
                case Left():
                    self._over("we hung up")
                case TimedOut(method):
                    self._over(f"nobody answered {method}")

    def _move(self, sdp: bytes) -> None:
        try:
            self.media.begin(parse_sdp(sdp))
        except MalformedSdp:
            return  # the old way stays open

    def _over(self, reason: str) -> None:
        if self.ended.is_set():
            return
        self.end_reason = reason
        self.ended.set()
        self.handset.end()
        self.media.close()
