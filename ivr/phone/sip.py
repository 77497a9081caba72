"""A telephone on SIP: rings over UDP or TLS, speaks G.711 over RTP or SRTP, presses keys by
RFC 4733.

Made for calling our own switches in tests, benchmarks and demonstrations; it takes no calls and
knows no passwords.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import ssl

from ivr.audio.format import Audio
from ivr.audio.g711 import A_LAW, MU_LAW, Law
from ivr.errors import IvrError
from ivr.phone.handset import Handset
from ivr.phone.sdp import MalformedSdp, MediaDescription, parse_sdp
from ivr.phone.sip_dialog import (
    Answered,
    Changed,
    Event,
    HungUp,
    Left,
    Refused,
    SipDialog,
    State,
    TimedOut,
)
from ivr.phone.sip_line import SipLine, TlsLine, UdpLine
from ivr.phone.sip_media import SipMedia
from ivr.phone.sip_message import Headers, quoted
from ivr.phone.srtp import MasterKey

LEAVE_S = 2.0
"""How long we wait for the far side to agree that the call is over."""

_TARGET = re.compile(r"sip:(?P<user>[^@\s<>]+)@(?P<host>[^@:\s<>]+)(?::(?P<port>\d{1,5}))?")


class NotAnswered(IvrError):
    """Nobody took the call; `status` is the SIP status, 0 where none came."""

    def __init__(self, what: str, *, status: int = 0) -> None:
        super().__init__(what)
        self.status = status


class SipPhone:
    """One call from ring to hang-up; make another phone for another call.

    `target` is whom it rings ("sip:100@127.0.0.1:5060"); `number` and `display_name` are whom it
    says it is; `codecs` what it offers, best first; `headers` go into its INVITE. Sound goes
    through `handset`. `tls` says whom it trusts, None for UDP; `srtp` that sound is encrypted or
    the call is none.
    """

    def __init__(
        self,
        target: str,
        *,
        local_host: str = "127.0.0.1",
        number: str = "1000",
        display_name: str = "",
        codecs: tuple[Law, ...] = (MU_LAW, A_LAW),
        headers: Headers = (),
        handset: Handset | None = None,
        tls: ssl.SSLContext | None = None,
        srtp: bool = False,
    ) -> None:
        parts = _TARGET.fullmatch(target)
        if parts is None:
            raise IvrError(
                f"{target!r} is no SIP address.", remedy="Write it like sip:100@127.0.0.1:5060."
            )
        self._target = target
        self._far_end = (parts["host"], int(parts["port"] or (5060 if tls is None else 5061)))
        self._local_host = local_host
        self._caller = f"{quoted(display_name)} " if display_name else ""
        self._caller += f"<sip:{number}@{local_host}>"
        self._codecs = codecs
        self._headers = headers
        self._handset = handset or Handset()
        self._tls = tls
        self.media = SipMedia(self._handset, MasterKey.new() if srtp else None)
        self._ended = asyncio.Event()
        self.end_reason = ""
        """Why the call is over, for people."""
        self._dialog: SipDialog | None = None
        self._line: SipLine | None = None
        self._answered: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def handset(self) -> Handset:
        """Its mouth and ear."""
        return self._handset

    @property
    def ended(self) -> asyncio.Event:
        """Set when the call is over, whoever ended it."""
        return self._ended

    async def ring(self, within: float = 30.0) -> None:
        """Dial, and wait until the call is answered. Raises NotAnswered when it is refused or
        not answered within that many seconds, OSError when there is no line."""
        loop = asyncio.get_running_loop()
        media_port = await self.media.open(self._local_host)
        self._line = await self._open_line()
        offer = MediaDescription(
            host=self._local_host,
            port=media_port,
            codecs=self._codecs,
            secured_by=self.media.own_key,
        )
        self._dialog = SipDialog(
            target=self._target,
            caller=self._caller,
            contact=self._line.contact,
            sdp=offer.encode(),
            new_id=lambda: secrets.token_hex(8),
            headers=self._headers,
            transport="UDP" if self._tls is None else "TLS",
        )
        self._answered = loop.create_future()
        self._dialog.ring(loop.time())
        self._flush()
        try:
            async with asyncio.timeout(within):
                await asyncio.shield(self._answered)
        except TimeoutError:
            await self.hang_up()
            raise NotAnswered(f"{self._target} did not answer within {within:g} s.") from None

    async def speak(self, audio: Audio) -> None:
        """Say something into the phone, to its end."""
        self._handset.speak(audio)
        await self._handset.spoken()

    async def press(self, keys: str) -> None:
        """Press keys one after the other; returns when the last has left.

        Raises ValueError for what is no key.
        """
        for key in keys:
            await self.media.press(key)

    async def hang_up(self) -> None:
        """Put the receiver down, answered or not, and let go of both ports; twice is harmless."""
        if self._dialog is None:
            self._over("never rang")
        elif not self._ended.is_set():
            self._dialog.leave(asyncio.get_running_loop().time())
            self._flush()
            try:
                async with asyncio.timeout(LEAVE_S):
                    await self._ended.wait()
            except TimeoutError:
                self._over("we hung up, and heard nothing")
        await self.media.closed()
        if self._line is not None:
            await self._line.closed()

    async def _open_line(self) -> SipLine:
        if self._tls is None:
            return await UdpLine.open(self._far_end, self._local_host, self._received)
        return await TlsLine.open(self._far_end, self._local_host, self._received, self._tls)

    def _received(self, data: bytes) -> None:
        if self._dialog is not None:
            events = self._dialog.receive(data, asyncio.get_running_loop().time())
            self._flush()
            self._handle(events)

    def _flush(self) -> None:
        """Send what waits, and set the clock for what comes next."""
        dialog, line = self._dialog, self._line
        if dialog is None or line is None:
            return
        for message in dialog.datagrams():
            line.send(message)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = dialog.next_timer()
        if due is not None and not self._ended.is_set():
            self._timer = asyncio.get_running_loop().call_at(due, self._tick)

    def _tick(self) -> None:
        if self._dialog is not None:
            events = self._dialog.tick(asyncio.get_running_loop().time())
            self._flush()
            self._handle(events)

    def _handle(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case Answered(sdp):
                    self._begin(sdp)
                case Changed(sdp):
                    self._move(sdp)
                case Refused(status, reason):
                    self._fail(
                        NotAnswered(f"{self._target} refused: {status} {reason}", status=status)
                    )
                case TimedOut(method):
                    self._fail(NotAnswered(f"{self._target} did not answer {method}."))
                case HungUp(reason):
                    self._over(f"they hung up {reason}".strip())
                case Left():
                    self._over("we hung up")

    def _begin(self, sdp: bytes) -> None:
        assert self._dialog is not None
        try:
            self.media.begin(self._trusted(parse_sdp(sdp)))
        except MalformedSdp as error:
            self._fail(NotAnswered(f"{self._target} answered without sound: {error}."))
            return
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(None)

    def _move(self, sdp: bytes) -> None:
        try:
            self.media.begin(self._trusted(parse_sdp(sdp)))
        except MalformedSdp:
            return  # the old way stays open

    def _trusted(self, remote: MediaDescription) -> MediaDescription:
        if self.media.own_key is not None and remote.secured_by is None:
            raise MalformedSdp("sound in the clear, where we asked for SRTP")
        return remote

    def _fail(self, error: NotAnswered) -> None:
        if self._dialog is not None and self._dialog.state is State.CONFIRMED:
            self._dialog.leave(asyncio.get_running_loop().time())
            self._flush()
        answered = self._answered
        if answered is not None and not answered.done():
            answered.set_exception(error)
            answered.exception()  # taken note of, also when nobody waits
        self._over(error.what)

    def _over(self, reason: str) -> None:
        if self._ended.is_set():
            return
        self.end_reason = reason
        self._ended.set()
        self._handset.end()
        answered = self._answered
        if answered is not None and not answered.done():
            answered.set_exception(NotAnswered(f"{self._target} did not answer: {reason}."))
            answered.exception()  # taken note of, also when nobody waits
        if self._timer is not None:
            self._timer.cancel()
        self.media.close()
        if self._line is not None:
            self._line.close()
